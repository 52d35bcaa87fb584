"""Transforms of samples: which draw at random, which change the scale, and where a data set is given them.

Names as in torchvision 0.25, albumentations 2.0, kornia 0.8 and MONAI 1.5.
"""

from __future__ import annotations

# What data sets call the transforms that they are given.
TRANSFORMING = frozenset(
    "transform transforms target_transform img_transform image_transform joint_transform joint_transforms mask_transform"
    " augment augmentation augmentations aug tfm tfms preprocess preprocessing label_transform input_transform".split()
)
