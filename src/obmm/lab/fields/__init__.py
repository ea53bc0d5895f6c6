"""Fields: named, versioned populations of other miners, so that a result can be had again."""

from obmm.lab.fields.field import Field, field_named, field_names

__all__ = ["Field", "field_named", "field_names"]
