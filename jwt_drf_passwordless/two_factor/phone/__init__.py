"""The phone as second factor: providers, the factor, what is stored, enrolment."""
