-- SMS wait in the same queue as mail, each kind for its own turn: a mail server that is away must not hold up a code.
ALTER TABLE messages ADD COLUMN kind TEXT NOT NULL DEFAULT 'mail';
