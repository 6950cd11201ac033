-- What is not for anybody: no page of the shop reads it.
CREATE TABLE vault (code text);
INSERT INTO vault VALUES ('Kq7vTz');
