"""Settings of Django's own tests, on the server that libpq's variables name."""

import os

_SERVER = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["PGHOST"],
    "PORT": os.environ["PGPORT"],
    "USER": os.environ["PGUSER"],
}
DATABASES = {
    "default": {**_SERVER, "NAME": "django"},
    "other": {**_SERVER, "NAME": "django_other"},
}
SECRET_KEY = "django"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "django_runner.Runner"
