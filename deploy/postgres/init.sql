-- Runs once, when the data folder is empty, as the administrator: two databases, each with its owner and for nobody else.
-- `creditrisk migrate` makes the tables, and the roles that write, read and override.
-- Names of other databases or logins: write them here and in compose.yaml.
\set ON_ERROR_STOP on
\getenv dagster_password DAGSTER_POSTGRES_PASSWORD
\getenv owner_password CREDITRISK_POSTGRES_OWNER_PASSWORD

SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
-- CREATEROLE: it makes the roles of the serving tables, and can touch no role that it has not made.
CREATE ROLE creditrisk LOGIN CREATEROLE PASSWORD :'owner_password';

CREATE DATABASE dagster OWNER dagster;
CREATE DATABASE creditrisk OWNER creditrisk;
-- Everyone may connect to a new database unless told otherwise. The owner of each lets its own roles in.
REVOKE CONNECT, TEMPORARY ON DATABASE dagster, creditrisk, postgres FROM PUBLIC;
