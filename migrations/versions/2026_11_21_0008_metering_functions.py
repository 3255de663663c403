"""The functions of the hot path and of partitions; a later change of one is a migration that replaces it."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = (
    "usage_partitions",
    "usage_windows",
    "usage_record",
    "usage_admit",
    "usage_record_batch",
    "usage_check",
    "usage_count_refused",
)
FLUSH_SINCE = 170000  # pg_logical_emit_message can flush


def upgrade() -> None:
    bind = op.get_bind()
    bind.exec_driver_sql("SET LOCAL check_function_bodies = off")  # some call others that come after them
    for name in FILES:
        _run(name)
    version = bind.exec_driver_sql("SELECT current_setting('server_version_num')::integer").scalar_one()
    if version >= FLUSH_SINCE:
        _run("usage_record_durably")
    bind.exec_driver_sql("SELECT usage_partitions(now(), 2, 3)")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((SQL / f"{name}.sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        """
        DO $$ DECLARE it regprocedure; BEGIN
          FOR it IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname IN (
            'usage_partitions', 'usage_midnight', 'usage_spans', 'usage_window_over', 'usage_take_windows',
            'usage_facts', 'usage_subject', 'usage_client', 'usage_value', 'usage_record', 'usage_admit',
            'usage_record_batch', 'usage_check', 'usage_count_refused', 'usage_record_durably',
            'usage_record_batch_durably') LOOP
            EXECUTE format('DROP ROUTINE %s', it);
          END LOOP;
        END $$
        """
    )
