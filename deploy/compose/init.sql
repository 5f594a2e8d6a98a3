-- Run once by the image, on each node's empty folder. The user with whom a node copies its data to one that joins is the operating system's.
CREATE USER IF NOT EXISTS mysql@localhost IDENTIFIED VIA unix_socket;
GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICATION CLIENT ON *.* TO mysql@localhost;
