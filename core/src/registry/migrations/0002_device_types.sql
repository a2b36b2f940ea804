-- Types that every installation starts with.
INSERT INTO device_type (id, name, code) VALUES
    (1, 'Vehicle', 'VEHICLE'),
    (2, 'Machine', 'MACHINE'),
    (3, 'Asset',   'ASSET'),
    (4, 'Person',  'PERSON'),
    (5, 'Trailer', 'TRAILER');
