"""serve.py setup: makes the tables and the people. serve.py run HOST PORT: serves."""
import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def setup():
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("makemigrations", "desk", verbosity=0)
    call_command("migrate", verbosity=0)
    User.objects.create_superuser("admin", "admin@example.com", "Correct-horse 77")
    for name in ("siobhan.obrien", "o'brien", "dangelo", "renée", "李小龍"):
        User.objects.create_user(name, name + "@example.com", "Correct-horse 77", is_staff=True, is_superuser=True)


def run(host, port):
    from django.core.wsgi import get_wsgi_application

    with make_server(host, int(port), get_wsgi_application(), handler_class=Quiet) as server:
        server.serve_forever()


if __name__ == "__main__":
    {"setup": setup, "run": run}[sys.argv[1]](*sys.argv[2:])
