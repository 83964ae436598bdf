"""Planning: a bound statement in, a physical plan out; pure, no data is read (I11)."""
