"""The roles a person can wear, with the titles that mean the same; what each owes is the team's business."""

ROLES: dict[str, tuple[str, ...]] = {
    "product-manager": ("product owner", "product"),
    "data-engineer": ("etl developer",),
    "data-analyst": ("business analyst", "bi analyst"),
    "data-scientist": ("research scientist", "applied scientist"),
    "ml-engineer": ("machine learning engineer",),
    "mlops-engineer": ("mlops", "ml platform engineer"),
    "devops-engineer": ("devops", "platform engineer"),
    "sre": ("site reliability engineer",),
}


def role_named(text: str) -> str | None:
    """The role of that name or title, None when nobody knows it."""
    plain = text.strip().lower()
    if plain.replace(" ", "-") in ROLES:
        return plain.replace(" ", "-")
    return next((role for role, titles in ROLES.items() if plain.replace("-", " ") in titles), None)
