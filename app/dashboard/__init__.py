"""Pages and widgets of the dashboard."""
