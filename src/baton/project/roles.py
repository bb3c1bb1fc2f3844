"""The roles a person can wear in a project: their names only; what each owes is the team's business."""

ROLES = (
    "product-manager",
    "data-engineer",
    "data-analyst",
    "data-scientist",
    "ml-engineer",
    "mlops-engineer",
    "devops-engineer",
    "sre",
)
"""Every known role name."""
