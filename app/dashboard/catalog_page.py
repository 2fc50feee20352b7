"""The catalog: published accuracy against work, and what of it is measured here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import address, drawn, sources
from selector.catalog import load_catalog
from selector.catalog.listing import ModelFilter, list_models, published_datasets
from selector.reports import catalogue, drawing_parts

if TYPE_CHECKING:
    from dashboard.view import View
    from selector.types import ModelFacts

ROWS = 2000
"""Rows of the table at most."""


def page(view: View) -> None:
    """The page."""
    st.header("Catalog")
    models = _models()
    measured = {} if view.store is None else sources.measured_ways(view.url, view.revision, _store=view.store)
    wanted, only_measured = _filters(models)
    listed = list_models(models, wanted, sort="top1")
    if only_measured:
        listed = [facts for facts in listed if measured.get(facts.architecture)]
    st.caption(
        f"{len(listed):,} of {len(models):,} models. Published figures are those of their weights at their native "
        "size, computed by others in fp32; what is measured here is speed."
    )
    if not listed:
        st.info("No model passes. Take a filter back.")
        return
    data = catalogue.published(listed, measured, wanted.dataset)
    if data.points:
        drawn.show_spec(drawing_parts.draw_catalogue(data), "catalogue")
        if data.left_out:
            st.caption(f"{data.left_out:,} more, less accurate models are not drawn.")
    st.dataframe(
        catalogue.catalogue_columns(listed[:ROWS], measured, wanted.dataset),
        column_config={
            "model": st.column_config.TextColumn(width=330),
            "top-1 %": st.column_config.NumberColumn(format="%.1f"),
            "GMACs": st.column_config.NumberColumn(format="%.2f"),
            "parameters M": st.column_config.NumberColumn(format="%.1f"),
        },
        hide_index=True,
        width="stretch",
        key="catalog",
    )


def _filters(models: list[ModelFacts]) -> tuple[ModelFilter, bool]:
    first, second, third = st.columns(3)
    st.session_state.setdefault("catalog:text", address.asked("words") or "")
    text = first.text_input("Words", key="catalog:text", placeholder="names, families, licences, globs")
    if text:
        address.note("words", text)
    families = second.multiselect("Family", sorted({facts.family for facts in models}), key="catalog:families")
    licenses = third.multiselect(
        "Licence", sorted({facts.license or "unknown" for facts in models}), key="catalog:licenses"
    )
    fourth, fifth, sixth, seventh = st.columns(4, vertical_alignment="bottom")
    parameters = fourth.number_input("Parameters at most (M)", min_value=0.0, value=None, key="catalog:parameters")
    gmacs = fifth.number_input("GMACs at most", min_value=0.0, value=None, key="catalog:gmacs")
    datasets = published_datasets(models)
    dataset = sixth.selectbox("Accuracy on", datasets, index=datasets.index("imagenet-1k"), key="catalog:dataset")
    only = seventh.toggle("Measured here only", key="catalog:only")
    return (
        ModelFilter(
            families=families,
            licenses=licenses,
            max_parameters=None if parameters is None else parameters * 1e6,
            max_gmacs=gmacs,
            dataset=str(dataset),
            text=text,
        ),
        only,
    )


@cache
def _models() -> list[ModelFacts]:
    return list(load_catalog().models)
