# Starts the database servers that do not run yet, and says where they are.
# Sourced after lib.sh. A DSN that is set already is left alone.

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# await PORT: up to 30 seconds.
await() {
	local i
	for ((i = 0; i < 60; i++)); do
		listens "$1" && return 0
		sleep 0.5
	done
	echo "nothing listens on port $1" >&2
	return 1
}

if [ -z "${GATEHOUSE_TEST_POSTGRES:-}" ]; then
	need psql postgresql postgresql-client
	if ! listens 5432; then
		[ -d /etc/postgresql ] || apt postgresql
		version=$(ls /etc/postgresql | sort -V | tail -n 1)
		root pg_ctlcluster --skip-systemctl-redirect "$version" main start
		await 5432
	fi
	# Where nobody may come in over TCP without a password, give this run's
	# user one of its own.
	pg() { psql -qX -h 127.0.0.1 -U "$@"; }
	user=postgres
	if ! PGPASSWORD=gatehouse pg "$user" -d postgres -c '' 2>/dev/null; then
		user=gatehouse_ci
		root su postgres -c "psql -qX -c \"do \\\$\\\$ begin create role $user superuser login; exception when duplicate_object then null; end \\\$\\\$; alter role $user password 'gatehouse'\""
	fi
	export PGPASSWORD=gatehouse
	pg "$user" -d postgres -c 'drop database if exists gatehouse_ci with (force)' -c 'create database gatehouse_ci'
	unset PGPASSWORD
	export GATEHOUSE_TEST_POSTGRES="postgres://$user:gatehouse@127.0.0.1:5432/gatehouse_ci?sslmode=disable"
fi

if [ -z "${GATEHOUSE_TEST_MYSQL:-}" ]; then
	need mariadb mariadb-server mariadb-client
	if ! listens 3306; then
		command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || apt mariadb-server
		root install -d -o mysql -g mysql /run/mysqld
		root start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd -- --user=mysql
		await 3306
	fi
	# The socket lets root in on every Debian.
	root mariadb -e "drop database if exists gatehouse_ci; create database gatehouse_ci;
		create or replace user gatehouse_ci@'%' identified by 'gatehouse';
		create or replace user gatehouse_ci@localhost identified by 'gatehouse';
		grant all on *.* to gatehouse_ci@'%'; grant all on *.* to gatehouse_ci@localhost"
	export GATEHOUSE_TEST_MYSQL="mysql://gatehouse_ci:gatehouse@127.0.0.1:3306/gatehouse_ci"
fi

if [ -z "${GATEHOUSE_TEST_REDIS:-}" ]; then
	need redis-cli redis-tools
	if ! listens 6379; then
		need redis-server redis-server
		redis-server --daemonize yes --bind 127.0.0.1 --port 6379 --save "" --appendonly no --dir "$CI_TMP" >/dev/null
		await 6379
	fi
	redis-cli -h 127.0.0.1 -n 9 flushdb >/dev/null
	export GATEHOUSE_TEST_REDIS="redis://127.0.0.1:6379/9"
fi

# Tests that kill servers start their own.
[ -n "$(ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null)" ] || apt postgresql
command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || apt mariadb-server
command -v redis-server >/dev/null || apt redis-server
