"""Pages are filled from templates that lie beside the code that fills them."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def fill(package: str, template: str, **content: object) -> str:
    """A page.

    Args:
        package: Where the template lies.
        template: Its file; texts are escaped in it, and what it asks for and does not get is an error.
        content: What it shows.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content)
