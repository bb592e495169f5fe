"""What a setting may name: this package's own parts, and those that other packages add by entry points."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from medrobot_ros.errors import UnknownName


@dataclass(frozen=True)
class Plugins:
    """Parts of one kind by name: `own` as they are or as `module:attribute`, others' in the entry point group.

    The own come first: nobody's package replaces one unseen, and what every installed package declares is read only for another name,
    since that takes long.
    """

    kind: str
    group: str
    own: Mapping[str, Any]

    def names(self) -> tuple[str, ...]:
        """Of all, sorted."""
        return tuple(sorted({*self.own, *(e.name for e in entry_points(group=self.group))}))

    def check(self, name: str) -> None:
        """Raises: UnknownName that lists the valid ones."""
        if name not in self.own and name not in self.names():
            raise UnknownName(self.kind, name, self.names())

    def load(self, name: str) -> Any:
        """What is registered under a name. Raises: UnknownName that lists the valid ones."""
        self.check(name)
        if isinstance(own := self.own.get(name), str):
            module, _, attribute = own.partition(":")
            return getattr(import_module(module), attribute)
        if own is not None:
            return own
        return next(e for e in entry_points(group=self.group) if e.name == name).load()
