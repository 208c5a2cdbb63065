"""The machines of a run: databases, pooler, Redis, hosts and a balancer, all on loopback.

Each machine is a process group with its ports. A killed group resets its connections and
refuses new ones, as a machine does whose kernel is still there; a network that stays silent is not
tested.
"""

from __future__ import annotations

import json
import secrets
import sys

from proof.haproxy import Balancer
from proof.place import Place
from proof.postgres import ADMIN, DATABASE, MAKE_USERS, Server
from tools.programs import ROOT, free_port, listens, wait_for
from tools.traffic import Site

TOOLS = ("initdb", "pg_basebackup", "pgbouncer", "redis-server", "haproxy")
HOST = "alerts.example.com"
APP, OWNER = "financial_alerts_app", "financial_alerts_owner"
HOSTS = ("host1", "host2")
# A query waits 5 s for a connection of the server, and one that was refused is tried again after
# 1 s. With the defaults, 120 and 15, clients see errors for up to 15 s after the server is back.
PGBOUNCER = """
[databases]
{database} = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
query_wait_timeout = 5
server_login_retry = 1
log_connections = 0
log_disconnections = 0
"""


class Stack:
    """All machines; making one starts nothing."""

    def __init__(self, place: Place) -> None:
        self.place = place
        words = {name: secrets.token_urlsafe(24) for name in (ADMIN, APP, OWNER)}
        self.primary = Server(place, "primary", words)
        self.replica = Server(place, "replica", words)
        self.pooler_port, self.redis_port = free_port(), free_port()
        self.pooler = place.program("pooler", "pgbouncer", f"{place.folder}/pooler.ini", plain=True)
        self.redis = place.program(
            *("redis", "redis-server", "--bind", "127.0.0.1", "--port", str(self.redis_port)),
            *("--dir", str(place.folder), "--save", "", "--appendonly", "no"),
            plain=True,
        )
        ports = {name: free_port() for name in HOSTS}
        gunicorn = (sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"))
        self.hosts = {
            name: place.program(
                *(name, *gunicorn, "financial_alerts.wsgi"),
                environ=self.service | {"PORT": str(port)},
            )
            for name, port in ports.items()
        }
        self.balancer = Balancer(place, ports)

    @property
    def service(self) -> dict[str, str]:
        """The environment of the service, on every host alike."""
        word = self.primary.passwords[APP]
        return {
            "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
            "DOTENV_PATH": "",
            "SECRET_KEY": word * 2,
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": f"postgres://{APP}:{word}@127.0.0.1:{self.pooler_port}/{DATABASE}",
            "REPLICA_DATABASE_URL": self.replica.url(APP),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "TRUST_X_FORWARDED_PROTO": "true",
            "TRUSTED_PROXY_COUNT": "1",
            # Counted, and never reached.
            "THROTTLE_USER": "100000/min",
            "THROTTLE_ADDRESS": "100000/min",
            "WEB_CONCURRENCY": "2",
            "GUNICORN_THREADS": "2",
            "LOG_LEVEL": "WARNING",
            # On a machine that does everything at once, slow is no news.
            "SLOW_REQUEST_MS": "10000",
            "SLOW_QUERY_MS": "10000",
            "PYTHONWARNINGS": "ignore:No directory at:UserWarning",
        }

    def make_primary(self) -> str:
        """Make a cluster, the service's roles and its tables."""
        version = self.primary.make()
        words = self.primary.passwords
        roles = {
            "DATABASE_URL": self.primary.url(),
            "DATABASE_OWNER_PASSWORD": words[OWNER],
            "DATABASE_APP_PASSWORD": words[APP],
        }
        self.manage("database_roles", environ=roles)
        owner = {"DATABASE_URL": self.primary.url(OWNER)}
        self.manage("migrate", "--verbosity", "0", environ=owner)
        return f"PostgreSQL {version}, migrated by {OWNER}"

    def make_replica(self) -> str:
        """Copy the primary, and let the copy follow it."""
        self.place.call(
            *("pg_basebackup", "-D", self.replica.data, "-R", "-X", "stream", "-c", "fast"),
            *("--no-sync", "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", ADMIN),
            environ={"PGPASSWORD": self.primary.passwords[ADMIN]},
            plain=True,
        )
        self.replica.start()
        self.wait_for_replica()
        return "it streams"

    def start_rest(self) -> str:
        """Start pooler, Redis, hosts and balancer."""
        users = self.place.write("users.txt", f'"{APP}" "{self.primary.passwords[APP]}"\n')
        ports = {"server": self.primary.port, "port": self.pooler_port}
        text = PGBOUNCER.format(database=DATABASE, users=users, **ports)
        self.place.write("pooler.ini", text)
        for program in (self.pooler, self.redis, *self.hosts.values()):
            program.start()
        wait_for(lambda: listens(self.pooler_port) and listens(self.redis_port), "the others")
        self.balancer.start()
        for name in HOSTS:
            self.balancer.use(name)
        return f"PgBouncer, Redis, {len(HOSTS)} hosts and the balancer answer"

    def make_users(self, count: int) -> list[Site]:
        """Make users, by way of the pooler; give the service with a token of each."""
        names = [f"user{number}" for number in range(count)]
        said = self.place.call(sys.executable, "-c", MAKE_USERS, *names, environ=self.service)
        return [Site(self.balancer.port, HOST, token) for token in json.loads(said)]

    def wait_for_replica(self) -> float:
        """Wait until the replica follows and has all that the primary has written so far."""
        streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        wait_for(lambda: bool(self.primary.ask(streams)), "the replica")
        written = self.primary.ask("SELECT pg_current_wal_lsn()")
        has_it = f"SELECT pg_wal_lsn_diff('{written}', pg_last_wal_replay_lsn()) <= 0"
        return wait_for(lambda: bool(self.replica.ask(has_it)), "the replica")

    def replica_reads(self) -> int:
        """How often the replica has looked for transactions since it was started."""
        table = "pg_stat_user_tables WHERE relname = 'budget_transaction'"
        return int(self.replica.ask(f"SELECT seq_scan + idx_scan FROM {table}"))  # noqa: S608

    def manage(self, *words: str, environ: dict[str, str] | None = None) -> str:
        """Run manage.py as on a host; `environ` says what is different there."""
        environ = self.service | (environ or {})
        return self.place.call(sys.executable, "manage.py", *words, environ=environ)
