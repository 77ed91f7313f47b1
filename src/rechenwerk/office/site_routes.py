"""Routes of sites: where machines stand, and whether they serve."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from rechenwerk.office import views
from rechenwerk.office.access import OperatorRealm, Realm, Whose
from rechenwerk.office.errors import missing
from rechenwerk.office.standing import ShownSite

SiteName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _view(shown: ShownSite) -> views.SiteView:
    site = shown.site
    return views.SiteView(
        name=site.name,
        jurisdiction=site.jurisdiction,
        power_cap_kw=site.power_cap_kw,
        pue=site.pue,
        co2_grams=site.co2_grams,
        prices=list(site.prices),
        active=site.active,
        deployments=shown.deployments,
        out_since=shown.out_since,
        out_reason=shown.out_reason,
    )


async def list_sites(realm: OperatorRealm, organisation: Whose = None) -> views.SitesView:
    """The sites of a configuration, and which are out."""
    realm = await realm.enter_configuration(organisation)
    found = await realm.desk.sites.sites(realm.organisation_id)
    return views.SitesView(organisation=realm.organisation, sites=[_view(one) for one in found])


async def take_out(
    realm: OperatorRealm, name: SiteName, body: views.SiteOutBody, organisation: Whose = None
) -> views.SiteView:
    """Switch a site off: within two seconds no gateway sends anything to its deployments any more."""
    realm = await realm.enter_configuration(body.organisation or organisation)
    now = realm.office.now()
    if not await realm.desk.sites.take_out(realm.organisation_id, name, now, body.reason):
        raise missing("site", name)
    return await _shown(realm, name)


async def bring_back(realm: OperatorRealm, name: SiteName, organisation: Whose = None) -> views.SiteView:
    """Switch a site on again; a second time changes nothing."""
    realm = await realm.enter_configuration(organisation)
    if not await realm.desk.sites.bring_back(realm.organisation_id, name):
        raise missing("site", name)
    return await _shown(realm, name)


async def _shown(realm: Realm, name: str) -> views.SiteView:
    found = await realm.desk.sites.sites(realm.organisation_id)
    return _view(next(one for one in found if one.site.name == name))


def add_site_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/sites", list_sites, methods=["GET"], tags=["configuration"])
    add("/sites/{name:path}/out", take_out, methods=["PUT"], tags=["configuration"])
    add("/sites/{name:path}/out", bring_back, methods=["DELETE"], tags=["configuration"])
