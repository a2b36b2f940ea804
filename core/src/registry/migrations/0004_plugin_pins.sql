-- A link may pin a version of its vendor's decoder.
ALTER TABLE client_vendor ADD COLUMN pin TEXT;
