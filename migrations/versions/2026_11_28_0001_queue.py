"""The queue of background tasks, the errors of those that fail, and the record of applied SQL functions.

The queue is procrastinate's own schema, as shipped with the pinned release. Upgrading procrastinate requires a
migration that runs its published upgrade scripts.
"""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema = files("procrastinate").joinpath("sql/schema.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(schema.replace("%", "%%"))
    op.execute(
        """
        CREATE TABLE queue_failures (
          job_id bigint CONSTRAINT pk_queue_failures PRIMARY KEY
            CONSTRAINT fk_queue_failures_job_id_procrastinate_jobs REFERENCES procrastinate_jobs (id) ON DELETE CASCADE,
          failures integer NOT NULL,
          error text NOT NULL,
          failed_at timestamptz NOT NULL,
          CONSTRAINT ck_queue_failures_failures CHECK (failures >= 1)
        );
        CREATE TABLE schema_functions (
          name text CONSTRAINT pk_schema_functions PRIMARY KEY,
          room text NOT NULL,
          digest text NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE schema_functions")
    op.execute(
        """
        DO $$ DECLARE object record; BEGIN
          FOR object IN SELECT oid::regclass AS name FROM pg_class
                    WHERE relname ~ '^(procrastinate|queue)_' AND relkind = 'r'
                      AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', object.name); END LOOP;
          FOR object IN SELECT oid::regprocedure AS name FROM pg_proc
                    WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = 'public'::regnamespace LOOP
            EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', object.name); END LOOP;
          FOR object IN SELECT typname AS name FROM pg_type
                    WHERE typname LIKE 'procrastinate\\_%' AND typnamespace = 'public'::regnamespace LOOP
            EXECUTE format('DROP TYPE IF EXISTS %I CASCADE', object.name); END LOOP;
        END $$
        """
    )
