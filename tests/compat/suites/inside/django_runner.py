"""Django's runner of tests, which notes how each ended."""

import unittest

import outcomes
from django.db.backends.postgresql.features import DatabaseFeatures
from django.test.runner import DiscoverRunner

# Neither server has ICU's collations.
DatabaseFeatures.test_collations = {
    **{name: "POSIX" for name in DatabaseFeatures.test_collations}, "deterministic": "C"
}  # fmt: skip


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        outcomes.note(_name(test), "passed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        outcomes.note(_name(test), "skipped", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        outcomes.note(_name(test), "skipped", "expected to fail")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        outcomes.note(_name(test), "failed", _cause(err))

    def addError(self, test, err):
        super().addError(test, err)
        outcomes.note(_name(test), "failed", _cause(err))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            outcomes.note(_name(test), "failed", _cause(err))


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result


def _name(test):
    return test.id()


def _cause(err):
    kind, value, _ = err
    return f"{kind.__name__}: {value}"
