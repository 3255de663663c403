"""Shows an import's report, as text and as JSON."""

from __future__ import annotations

from app.metering.imports.known import KnownFrom
from app.metering.imports.report import ImportReport


def list_facts(report: ImportReport, seconds: float) -> dict[str, object]:
    """Return the report as JSON values."""
    return {
        "file": report.file,
        "dry_run": report.dry_run,
        "resumed_after_line": report.resumed_after,
        "recorded": report.recorded,
        "duplicates": report.duplicates,
        "bad": report.bad,
        "orgs_created": report.orgs_created,
        "bad_lines": [{"line": line, "detail": words} for line, words in report.listed],
        "known_from": [{**_source(source), "lines": count} for source, count in report.known.items()],
        "known_lines": [{"line": line, "file": source.file} for line, source in report.known_lines],
        "import": str(report.import_id) if report.import_id else None,
        "seconds": round(seconds, 3),
        "rows_per_second": round(report.lines / seconds) if seconds else None,
    }


def render_report(report: ImportReport, seconds: float) -> str:
    """Describe the report for people, line by line."""
    lines = [f"line {line}: {words}" for line, words in report.listed]
    if report.bad > len(report.listed):
        lines.append(f"… and {report.bad - len(report.listed)} more")
    if report.resumed_after:
        lines.append(f"{report.file}: resumed after line {report.resumed_after}")
    lines += [_known(report, source, count) for source, count in report.known.items()]
    if report.known:
        lines.append("If these lines are other use than what they repeat, import the file with --source NAME.")
    if report.dry_run:
        lines.append("Dry run: nothing was written.")
    rate = f"{report.lines / seconds:,.0f} rows/s" if seconds else ""
    lines.append(
        f"{report.file}: {report.recorded} recorded, {report.duplicates} duplicates, {report.bad} invalid,"
        f" {report.orgs_created} orgs created; {seconds:.1f} s, {rate}"
    )
    if report.import_id:
        lines.append(f"Import {report.import_id}")
    return "\n".join(lines)


def _source(source: KnownFrom) -> dict[str, object]:
    return {"file": source.file, "imported_at": source.started_at and source.started_at.isoformat()}


def _known(report: ImportReport, source: KnownFrom, count: int) -> str:
    """Name what brought these lines, and the first of them."""
    first = [str(line) for line, other in report.known_lines if other == source]
    listed = ", ".join(first) + (", …" if count > len(first) else "")
    origin = f"{source.file}, imported on {source.started_at:%d %B %Y}" if source.started_at else "the API"
    lines = "1 line was" if count == 1 else f"{count} lines were"
    return f"{lines} known from {origin}" + (f": line {listed}" if first else "")
