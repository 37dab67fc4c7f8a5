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

-- Whatever the locale of the machine is: in a database without an encoding clients are given bytes for text.
CREATE DATABASE dagster OWNER dagster TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE creditrisk OWNER creditrisk TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
-- Everyone may connect to a new database unless told otherwise. The owner of each lets its own roles in.
REVOKE CONNECT, TEMPORARY ON DATABASE dagster, creditrisk, postgres FROM PUBLIC;
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
-- Functions that write, and that everyone may call by default, roles that only read among them.
\connect creditrisk
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
