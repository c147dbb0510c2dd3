# Tells of faults that Python finds in a source without running it, and pyflakes where it is installed.
# It is written for Python 2 and 3 alike: a pool may have either.
import sys
import warnings

name = sys.argv[1]
found = []


def tell(line, column, severity, message):
    message = " ".join(str(message).split()) or severity
    found.append("%s:%d:%d: %s: %s" % (name, line or 1, column or 1, severity, message))


with open(name, "rb") as file:
    source = file.read()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    try:
        compile(source, name, "exec")
    except SyntaxError as e:
        tell(e.lineno, e.offset, "error", "%s: %s" % (type(e).__name__, e.msg))
    except (ValueError, OverflowError, MemoryError, RuntimeError) as e:
        tell(1, 1, "error", e)
for warning in said:
    tell(warning.lineno, 1, "warning", "%s: %s" % (warning.category.__name__, warning.message))
failed = any(": error: " in line for line in found)

if not failed:
    try:
        from pyflakes import api, reporter
    except ImportError:
        api = None
    if api is not None:

        class Reporter(reporter.Reporter):
            def flake(self, message):
                tell(message.lineno, message.col + 1, "warning", message.message % message.message_args)

        api.check(source, name, Reporter(sys.stdout, sys.stdout))

print("\n".join(found))
sys.exit(1 if failed else 0)
