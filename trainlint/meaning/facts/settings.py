"""Classes of libraries whose objects keep settings, read by attribute and mostly by key as well."""

NAMESPACES = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "easydict.EasyDict",
    "addict.Dict",
    "munch.Munch",
    "munch.DefaultMunch",
    "dotmap.DotMap",
    "attrdict.AttrDict",
    "box.Box",
    "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode",
    "detectron2.config.CfgNode",
    "detectron2.config.config.CfgNode",
    "ml_collections.ConfigDict",
    "ml_collections.FrozenConfigDict",
    "ml_collections.config_dict.ConfigDict",
    "ml_collections.config_dict.FrozenConfigDict",
    "ml_collections.config_dict.config_dict.ConfigDict",
    "ml_collections.config_dict.create",
)
