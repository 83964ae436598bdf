"""Which signature of a function a call means, and the arguments as it wants them (func_select_candidate in
parse_func.c)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlvec import types
from sqlvec.errors import AmbiguousFunction, DatatypeMismatch, UndefinedFunction
from sqlvec.sql import bound
from sqlvec.sql.binder import Binder
from sqlvec.sql.functions import Signature, is_pseudo, type_of
from sqlvec.sql.ranges import family_among, matches, polymorphic
from sqlvec.sql.type_rules import TEXTS, VECTORS, casts_implicitly, common_type, is_unknown
from sqlvec.types import SqlType
from sqlvec.types.shaped_array import has_shape, is_shaped, shaped

NO_MATCH = (
    "No function matches the given name and argument types. You might need to add explicit type casts."
)


def resolve(
    binder: Binder,
    name: str,
    signatures: Sequence[Signature],
    args: Sequence[bound.Expression],
    position: int | None,
) -> tuple[list[bound.Expression], SqlType]:
    """The arguments as the best signature wants them, and its result; 42883 when none fits."""
    fitting = [s for s in signatures if s.accepts(len(args)) and _fits(s, args)]
    if not fitting:
        raise no_function(name, args, position)
    fitting = _preferring_text(fitting, args)
    best = max(_rank(s, args) for s in fitting)
    chosen = [s for s in fitting if _rank(s, args) == best]
    if len(chosen) > 1 and len({s.arguments for s in chosen}) > 1:
        preferred = [s for s in chosen if _prefers(s)]
        guessed = any(is_unknown(a.type) for a in args) and not _over_vectors(chosen)
        if len(preferred) != 1 and not guessed:
            shown = ", ".join(arg.type.plain_name for arg in args)
            raise AmbiguousFunction(
                f"function {name}({shown}) is not unique",
                position=position,
                hint="Could not choose a best candidate function. You might need to add explicit "
                "type casts.",
            )
        chosen = preferred or chosen
    return _apply(binder, chosen[0], args, position)


def no_function(
    name: str, args: Sequence[bound.Expression], position: int | None
) -> UndefinedFunction:
    shown = ", ".join(arg.type.plain_name for arg in args)
    return UndefinedFunction(
        f"function {name}({shown}) does not exist",
        position=position,
        hint=NO_MATCH,
    )


def _preferring_text(
    signatures: Sequence[Signature], args: Sequence[bound.Expression]
) -> list[Signature]:
    """Where a literal of unknown type stands, a signature that takes text goes before others
    (func_select_candidate in parse_func.c)."""
    found = list(signatures)
    for place, arg in enumerate(args):
        if is_unknown(arg.type):
            texts = [s for s in found if _takes_text(s.argument(place))]
            found = texts or found
    return found


def _takes_text(word: str) -> bool:
    return not is_pseudo(word) and type_of(word).oid in TEXTS


def _fits(signature: Signature, args: Sequence[bound.Expression]) -> bool:
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if word == "anyarray":
            if not is_unknown(arg.type) and types.element_of(arg.type) is None:
                return False
        elif word in ("anyrange", "anymultirange"):
            if not is_unknown(arg.type) and not matches(word, arg.type):
                return False
        elif not is_pseudo(word) and not _accepts(arg.type, type_of(word)):
            return False
    return _meet(signature, args)


def _meet(signature: Signature, args: Sequence[bound.Expression]) -> bool:
    """Whether elements and arrays have a type in common (anycompatible)."""
    words = [signature.argument(i) for i in range(len(args))]
    if "anyelement" not in words and words.count("anyarray") < 2:
        return True
    found = []
    for word, arg in zip(words, args, strict=True):
        if word == "anyelement":
            found.append(arg.type.bare)
        elif word == "anyarray" and (inner := types.element_of(arg.type)) is not None:
            found.append(inner.bare)
    return len(found) < 2 or common_type(found) is not None


def _accepts(given: SqlType, wanted: SqlType) -> bool:
    if casts_implicitly(given, wanted):
        return True
    return given.oid in TEXTS and wanted.oid in (types.TEXT.oid, types.NAME.oid)


def _rank(signature: Signature, args: Sequence[bound.Expression]) -> tuple[int, int]:
    """(exact matches, arguments of a preferred type)."""
    exact = preferred = 0
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if is_pseudo(word):
            continue
        wanted = type_of(word)
        exact += wanted.oid == arg.type.oid
        preferred += wanted.definition.preferred
    return exact, preferred


def _over_vectors(signatures: Sequence[Signature]) -> bool:
    """Whether the signatures differ in vector types, of which none comes first."""
    return all(type_of(s.arguments[0]).oid in VECTORS for s in signatures if not is_pseudo(s.arguments[0]))


def _prefers(signature: Signature) -> bool:
    return any(not is_pseudo(w) and type_of(w).definition.preferred for w in signature.arguments)


def _apply(
    binder: Binder, signature: Signature, args: Sequence[bound.Expression], position: int | None
) -> tuple[list[bound.Expression], SqlType]:
    family = family_among(signature.arguments, args)
    element = _element(signature, args)
    array = types.array_of(element) if element is not None and element.definition.array_oid else None
    if element is not None and has_shape(element) or any(is_shaped(arg.type) for arg in args):
        array = shaped(element if array is None and element is not None else array or types.array_of(types.TEXT))
    found = []
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if word == "any":
            wanted = types.TEXT if is_unknown(arg.type) else arg.type
        elif word == "anyelement":
            wanted = element or arg.type
        elif word == "anyarray" and array is None and is_unknown(arg.type):
            raise DatatypeMismatch(
                "could not determine polymorphic type because input has type unknown"
            )
        elif word == "anyarray":
            wanted = array if array is not None and _is_other(arg.type, element) else arg.type
        elif word in ("anyrange", "anymultirange"):
            wanted = arg.type if family is None else polymorphic(word, family) or arg.type
        else:
            wanted = type_of(word)
        padded = arg.type.oid == types.BPCHAR.oid != wanted.oid  # text has no padding
        same_text = arg.type.oid in TEXTS and wanted.oid in TEXTS and not padded
        keep = wanted.bare == arg.type.bare or same_text
        found.append(arg if keep else binder.coerce(arg, wanted.bare, level="explicit" if same_text else "implicit", position=position))
    if family is not None and (result := polymorphic(signature.result, family)) is not None:
        return found, result
    if signature.result == "anyelement":
        return found, element or types.TEXT
    if signature.result == "anyarray":
        return found, array or types.array_of(types.TEXT)
    return found, type_of(signature.result)


def _is_other(given: SqlType, element: SqlType | None) -> bool:
    """Whether an argument must become an array of the element: a literal, or an array of something else."""
    own = types.element_of(given)
    return own is None or element is not None and own.oid != element.oid and not is_shaped(given)


def _element(signature: Signature, args: Sequence[bound.Expression]) -> SqlType | None:
    found = []
    for index, arg in enumerate(args):
        word = signature.argument(index)
        if word == "anyelement":
            found.append(arg.type.bare)
        elif word == "anyarray" and not is_unknown(arg.type):
            inner = types.element_of(arg.type)
            if inner is not None:
                found.append(inner.bare)
    return common_type(found) if found else None
