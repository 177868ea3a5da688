"""Finds the packages. All else is in pyproject.toml, which has no way to add a renamed folder to those it finds."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["elsa_index", "elsa_index.*"]), "elsa_index_cli"],
    package_dir={"elsa_index_cli": "cli"},
)
