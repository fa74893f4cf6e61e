# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Frozen dataclasses that are defined in no time: ``@dataclass(frozen=True)``, as in Python's own module.

Python's own writes and compiles six methods for each class. For the 38 classes that an election needs that took 20 of the 55 ms in which they are all
imported, before it can begin (measured: Python 3.11). Here all classes share six methods. What fields are, and all else that ``dataclasses`` has for
its classes, is Python's own.
"""

from __future__ import annotations

import dataclasses
import typing as t

__all__ = ["dataclass"]

if t.TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen):
        """Return what makes a frozen dataclass of a class."""
        if not frozen:
            raise TypeError("a dataclass that can be changed is one of Python's own")
        return _frozen

    def _frozen(cls):
        made = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        made.__fields__ = dataclasses.fields(made)
        made.__names__ = tuple(each.name for each in made.__fields__)
        made.__plain__ = {each.name: each.default for each in made.__fields__ if each.default is not dataclasses.MISSING}
        made.__others__ = tuple(each for each in made.__fields__ if each.name not in made.__plain__)
        made.__compared__ = tuple(each.name for each in made.__fields__ if each.compare)
        for method in (__init__, __repr__, __eq__, __hash__, __setattr__, __delattr__):
            # What a class has of its own it keeps. A class with an __eq__ and without a __hash__ has None in its place.
            if cls.__dict__.get(method.__name__) is None:
                setattr(made, method.__name__, method)
        return made

    def __init__(self, *values, **named):
        names = self.__names__
        if len(values) > len(names):
            raise TypeError("%s takes %d values, not %d" % (type(self).__qualname__, len(names), len(values)))
        twice = named.keys() & names[: len(values)] if values and named else ()
        if twice:
            raise TypeError("%s is given twice: %s" % (type(self).__qualname__, ", ".join(sorted(twice))))
        state = {**self.__plain__, **dict(zip(names, values)), **named}
        for each in self.__others__:
            if each.name not in state:
                state[each.name] = _made(self, each)
        if len(state) > len(names):
            unknown = state.keys() - set(names)
            raise TypeError("%s has no such field: %s" % (type(self).__qualname__, ", ".join(sorted(unknown))))
        self.__dict__.update(state)

    def _made(self, field):
        if field.default_factory is dataclasses.MISSING:
            raise TypeError("%s needs a value: %s" % (type(self).__qualname__, field.name))
        return field.default_factory()

    def __repr__(self):
        shown = ", ".join("%s=%r" % (each.name, getattr(self, each.name)) for each in self.__fields__ if each.repr)
        return "%s(%s)" % (type(self).__qualname__, shown)

    def _compared(self):
        return tuple(getattr(self, name) for name in self.__compared__)

    def __eq__(self, other):
        return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(_compared(self))

    def __setattr__(self, name, value):
        raise dataclasses.FrozenInstanceError("cannot assign to field %r" % name)

    def __delattr__(self, name):
        raise dataclasses.FrozenInstanceError("cannot delete field %r" % name)
