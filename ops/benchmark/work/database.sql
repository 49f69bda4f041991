PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE letters (id INTEGER PRIMARY KEY, sender TEXT, subject TEXT, body TEXT, at INTEGER);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO letters SELECT i, 'sender' || (i * 7919 % 997), 'subject ' || (i % 53), hex(i * 2654435761 % 4294967296) || ' and more of it', i * 60 FROM n;
COMMIT;
CREATE INDEX by_sender ON letters (sender, at);
CREATE INDEX by_subject ON letters (subject);
SELECT sender, count(*), max(at) FROM letters GROUP BY sender ORDER BY 2 DESC LIMIT 5;
SELECT count(*) FROM letters a JOIN letters b ON b.sender = a.sender AND b.at = a.at + 59820 WHERE a.subject = 'subject 7';
UPDATE letters SET body = body || ' changed' WHERE id % 7 = 0;
DELETE FROM letters WHERE id % 11 = 0;
SELECT count(*), sum(length(body)) FROM letters WHERE body LIKE '%changed%';
PRAGMA wal_checkpoint(TRUNCATE);
