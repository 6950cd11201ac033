# Django's own admin, as startproject configures it, with accounts of its own:
# python3 djangoadmin.py FOLDER PORT NAME PASSWORD [NAME PASSWORD ...]
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.conf import settings

folder, port, people = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

settings.configure(
    SECRET_KEY="only for tests, and for nothing else: 2f0c5b6d",
    DEBUG=False,
    ALLOWED_HOSTS=["localhost"],
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3", "OPTIONS": {"timeout": 20}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                                   "django.contrib.auth.context_processors.auth",
                                                   "django.contrib.messages.context_processors.messages"]}}],
    STATIC_URL="/static/",
    PASSWORD_HASHERS=[__name__ + ".Hasher"],
    LOGGING_CONFIG=None,
)
django.setup()

from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402


class Hasher(PBKDF2PasswordHasher):
    """Django's own, which costs a test less."""
    iterations = 1000


from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls)]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
for name, password in zip(people[::2], people[1::2]):
    User.objects.create_superuser(name, name + "@example.com", password)
server = Server(("127.0.0.1", port), Handler)
server.set_app(get_wsgi_application())
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
