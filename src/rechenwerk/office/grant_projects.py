"""Projects that grants name must be there: a grant for nobody serves nobody, and nobody would notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rechenwerk.base.toml_reader import Mistake, MistakesError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.contracts.terms import Grant
from rechenwerk.office.access import Realm
from rechenwerk.office.ports import OPERATOR, Configured


async def check_grant_projects(realm: Realm, wanted: Configured) -> None:
    """Refuse a configuration whose grants name projects or organisations that there are not.

    The operator's grants may be for projects of all organisations, those of an organisation for its own.

    Raises:
        MistakesError: with the lines of the grants.
    """
    if not any(isinstance(row.terms, Grant) and row.terms.projects for row in wanted.contracts):
        return
    tenants = realm.desk.tenants
    projects: dict[str, list[str]] = {}
    for one in await tenants.organisations():
        if realm.organisation_id in (OPERATOR, one.id):
            found = await tenants.projects(one.id, realm.office.windows())
            projects[one.name] = [project.name for project in found]
    if mistakes := unknown_projects(wanted, projects):
        raise MistakesError(mistakes)


def unknown_projects(wanted: Configured, projects: Mapping[str, Sequence[str]]) -> list[Mistake]:
    """What is wrong with the projects of grants.

    Args:
        wanted: the configuration.
        projects: names by organisation.
    """
    mistakes = []
    for row in wanted.contracts:
        for name in row.terms.projects if isinstance(row.terms, Grant) else ():
            found = _unknown(name, projects)
            if found is not None:
                line = wanted.lines.get((row.name, "projects"), 0)
                mistakes.append(Mistake(line, f"contract {row.name!r}: {found[0]}", found[1]))
    return mistakes


def _unknown(name: str, projects: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """What is wrong with one name, as ``organisation/project`` or ``project``, and the fix."""
    every = sorted({project for some in projects.values() for project in some})
    organisation, slash, project = name.partition("/")
    if name in every:  # a project may have a slash in its own name
        return None
    if not slash:
        return f"there is no project {name!r}", _fix(name, every, f"rechenwerk project create {name}")
    if organisation not in projects:
        return f"there is no organisation {organisation!r}", did_you_mean(organisation, sorted(projects))
    if project not in projects[organisation]:
        create = f"rechenwerk project create {project} --organisation {organisation}"
        message = f"the organisation {organisation!r} has no project {project!r}"
        return message, _fix(project, projects[organisation], create)
    return None


def _fix(name: str, known: Sequence[str], create: str) -> str:
    near = did_you_mean(name, known)
    return near if near.startswith("did") else f"create it first ({create}), or mend the name"
