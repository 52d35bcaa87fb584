"""Transforms of samples: which draw at random, which change the scale, and where a data set is given them.

Names as in torchvision 0.25, albumentations 2.0, kornia 0.8 and MONAI 1.5.
"""

from __future__ import annotations

# What data sets call the transforms that they are given.
TRANSFORMING = frozenset(
    "transform transforms target_transform img_transform image_transform joint_transform joint_transforms mask_transform"
    " augment augmentation augmentations aug tfm tfms preprocess preprocessing label_transform input_transform".split()
)

VISION = "torchvision.transforms."
_HOMES = (VISION, "albumentations.", "kornia.augmentation.", "monai.transforms.", "torchaudio.transforms.")
COMPOSING = frozenset(
    "Compose Sequential AugmentationSequential ImageSequential ReplayCompose OneOf SomeOf".split()
)
CHOOSING = frozenset("RandomApply RandomChoice RandomOrder OneOf SomeOf OneOrOther Sometimes".split())
# torchvision's transforms that draw anew for each sample.
_RANDOM_VISION = frozenset(
    "RandomCrop RandomResizedCrop RandomSizedCrop RandomHorizontalFlip RandomVerticalFlip RandomRotation RandomAffine"
    " RandomPerspective RandomErasing RandomGrayscale RandomInvert RandomPosterize RandomSolarize RandomAdjustSharpness"
    " RandomAutocontrast RandomEqualize ColorJitter ElasticTransform AutoAugment RandAugment TrivialAugmentWide AugMix"
    " RandomPhotometricDistort RandomZoomOut RandomIoUCrop RandomShortestSize RandomResize ScaleJitter"
    " RandomChannelPermutation GaussianNoise MixUp CutMix RandomApply RandomChoice RandomOrder".split()
)
# albumentations' transforms that do the same to each image of a size.
_FIXED_ALBUMENTATIONS = frozenset(
    "Compose Sequential Resize LongestMaxSize SmallestMaxSize CenterCrop Crop PadIfNeeded Pad Normalize ToFloat FromFloat"
    " ToTensorV2 ToTensor Lambda NoOp BasicTransform ReplayCompose KeypointParams BboxParams ToGray CLAHE Equalize".split()
)
_RANDOM_PREFIX = {"kornia.augmentation.": ("Random", "ColorJ"), "monai.transforms.": ("Rand",)}
MILD = frozenset(
    "RandomHorizontalFlip RandomVerticalFlip HorizontalFlip VerticalFlip Flip RandFlip RandFlipd".split()
)

# torchvision's transforms that do the same each time when they are certain to be applied: where `p` stands.
CERTAIN = {
    **dict.fromkeys("RandomHorizontalFlip RandomVerticalFlip RandomGrayscale RandomInvert".split(), 0),
    **dict.fromkeys("RandomAutocontrast RandomEqualize".split(), 0),
    **dict.fromkeys("RandomPosterize RandomSolarize RandomAdjustSharpness".split(), 1),
}


# Functions that make a whole pipeline, at random or not by `is_training`, and normalise as the model wants it.
FACTORIES = frozenset(("timm.data.create_transform", "timm.data.transforms_factory.create_transform"))


def is_transform(name: str) -> bool:
    return name.startswith(_HOMES) or name in FACTORIES


def draws_at_random(name: str) -> bool:
    """Whether a transform does something else each time, as far as its class says."""
    last = name.rpartition(".")[2]
    if name.startswith(VISION):
        return last in _RANDOM_VISION
    if name.startswith("albumentations."):
        return last[:1].isupper() and last not in _FIXED_ALBUMENTATIONS
    return any(name.startswith(home) and last.startswith(first) for home, first in _RANDOM_PREFIX.items())


IMAGENET = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # what albumentations normalises with unless it is told otherwise
TO_UNIT_RANGE = frozenset("ToTensor ConvertImageDtype ToFloat".split())  # bytes become numbers from 0 to 1
MAKE_BYTES = frozenset("ToImage PILToTensor".split())  # tensors of the bytes of a picture

NEEDS_TENSOR = frozenset(
    "Normalize RandomErasing ConvertImageDtype LinearTransformation".split()
)  # raise for pictures, in version 1
NEEDS_PICTURE = frozenset("ToTensor PILToTensor".split())  # raise for tensors
CLAMPING = frozenset("ColorJitter RandomAdjustSharpness".split())  # cut floats off at 0 and 1
NEEDS_BYTES = frozenset(
    "AutoAugment RandAugment TrivialAugmentWide AugMix RandomPosterize RandomEqualize".split()
)  # of tensors

# torchvision's data sets whose pictures have one channel, and its steps that may give them others.
GRAY_DATA = frozenset(
    f"torchvision.datasets.{name}" for name in "MNIST FashionMNIST KMNIST EMNIST QMNIST USPS FER2013".split()
)
SETS_CHANNELS = frozenset("Grayscale RGB ToPILImage LinearTransformation".split())
