-- A database as a DIRAC that has run for years has it, told by its facts: latin1, times of whole seconds, no cascades,
-- keys of its own, numbers of 32 bits, and a history that numbers its rows itself.

CREATE TABLE JobJDLs (
    JobID INT(11) UNSIGNED NOT NULL AUTO_INCREMENT,
    JDL MEDIUMTEXT NOT NULL,
    JobRequirements TEXT NOT NULL,
    OriginalJDL MEDIUMTEXT NOT NULL,
    PRIMARY KEY (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE Jobs (
    JobID INT(11) UNSIGNED NOT NULL DEFAULT 0,
    JobType VARCHAR(32) NOT NULL DEFAULT 'user',
    JobGroup VARCHAR(32) NOT NULL DEFAULT '00000000',
    Site VARCHAR(100) NOT NULL DEFAULT 'ANY',
    JobName VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    Owner VARCHAR(64) NOT NULL DEFAULT 'Unknown',
    OwnerGroup VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    VO VARCHAR(32) NOT NULL DEFAULT 'Unknown',
    SubmissionTime DATETIME,
    RescheduleTime DATETIME,
    LastUpdateTime DATETIME,
    StartExecTime DATETIME,
    HeartBeatTime DATETIME,
    EndExecTime DATETIME,
    Status VARCHAR(32) NOT NULL DEFAULT 'Received',
    MinorStatus VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    ApplicationStatus VARCHAR(255) DEFAULT 'Unknown',
    UserPriority INT(11) NOT NULL DEFAULT 0,
    RescheduleCounter INT(11) NOT NULL DEFAULT 0,
    VerifiedFlag ENUM('True', 'False') NOT NULL DEFAULT 'False',
    AccountedFlag ENUM('True', 'False', 'Failed') NOT NULL DEFAULT 'False',
    PRIMARY KEY (JobID),
    INDEX JobType (JobType),
    INDEX JobGroup (JobGroup),
    INDEX Site (Site),
    INDEX Owner (Owner),
    INDEX OwnerGroup (OwnerGroup),
    INDEX Status (Status),
    INDEX MinorStatus (MinorStatus),
    INDEX ApplicationStatus (ApplicationStatus),
    INDEX StatusSite (Status, Site),
    INDEX LastUpdateTime (LastUpdateTime),
    FOREIGN KEY (JobID) REFERENCES JobJDLs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE InputData (
    JobID INT(11) UNSIGNED NOT NULL,
    LFN VARCHAR(255) NOT NULL DEFAULT '',
    Status VARCHAR(32) NOT NULL DEFAULT 'AprioriGood',
    PRIMARY KEY (JobID, LFN),
    FOREIGN KEY (JobID) REFERENCES Jobs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE JobParameters (
    JobID INT(11) UNSIGNED NOT NULL,
    Name VARCHAR(100) NOT NULL,
    Value TEXT NOT NULL,
    PRIMARY KEY (JobID, Name),
    FOREIGN KEY (JobID) REFERENCES Jobs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE OptimizerParameters (
    JobID INT(11) UNSIGNED NOT NULL,
    Name VARCHAR(100) NOT NULL,
    Value MEDIUMTEXT NOT NULL,
    PRIMARY KEY (JobID, Name),
    FOREIGN KEY (JobID) REFERENCES Jobs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE AtticJobParameters (
    JobID INT(11) UNSIGNED NOT NULL,
    Name VARCHAR(100) NOT NULL,
    Value TEXT NOT NULL,
    RescheduleCycle INT(11) UNSIGNED NOT NULL,
    PRIMARY KEY (JobID, Name, RescheduleCycle),
    FOREIGN KEY (JobID) REFERENCES Jobs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE HeartBeatLoggingInfo (
    JobID INT(11) UNSIGNED NOT NULL,
    Name VARCHAR(100) NOT NULL,
    Value TEXT NOT NULL,
    HeartBeatTime DATETIME NOT NULL,
    PRIMARY KEY (JobID, Name, HeartBeatTime),
    FOREIGN KEY (JobID) REFERENCES Jobs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE JobCommands (
    JobID INT(11) UNSIGNED NOT NULL,
    Command VARCHAR(100) NOT NULL,
    Arguments VARCHAR(100) NOT NULL,
    Status VARCHAR(64) NOT NULL DEFAULT 'Received',
    ReceptionTime DATETIME NOT NULL,
    ExecutionTime DATETIME,
    PRIMARY KEY (JobID, Arguments, ReceptionTime),
    FOREIGN KEY (JobID) REFERENCES Jobs (JobID)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE LoggingInfo (
    JobID INT(11) NOT NULL,
    SeqNum INT(11) NOT NULL DEFAULT 0,
    Status VARCHAR(32) NOT NULL DEFAULT '',
    MinorStatus VARCHAR(128) NOT NULL DEFAULT '',
    ApplicationStatus VARCHAR(255) NOT NULL DEFAULT '',
    StatusTime DATETIME NOT NULL,
    StatusTimeOrder DOUBLE(12,3) NOT NULL,
    StatusSource VARCHAR(32) NOT NULL DEFAULT 'Unknown',
    PRIMARY KEY (JobID, SeqNum)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

-- Whatever number a row comes with, it gets the next of its job.
CREATE TRIGGER NextSeqNum BEFORE INSERT ON LoggingInfo FOR EACH ROW
    SET NEW.SeqNum = 1 + COALESCE((SELECT MAX(l.SeqNum) FROM LoggingInfo AS l WHERE l.JobID = NEW.JobID), 0);
