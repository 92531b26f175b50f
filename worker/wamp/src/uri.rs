//! URIs of topics, procedures, errors and realms.
