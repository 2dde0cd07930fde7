"""Pictures of a comparison: their figures, Vega-Lite specifications, and twins in plain HTML."""
