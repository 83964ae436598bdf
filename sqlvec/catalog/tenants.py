"""The words about tenants: their states, and the options of a table that has them."""

ACTIVE, INACTIVE, OFFLOADED = "active", "inactive", "offloaded"
STATES = (ACTIVE, INACTIVE, OFFLOADED)  # numbered so in the log
ACTIVATION, CREATION = "tenant_activation", "tenant_creation"  # by use and by INSERT, or by command
AUTO, MANUAL = "auto", "manual"
