//! Interpreter 0: float64, plain loops from the formulas. Shares no numeric code with any backend.
