package config

import "log/slog"

// Log is what is logged, to standard error.
type Log struct {
	Level  slog.Level `toml:"level" one_of:"debug|info|warn|error"`
	Format string     `toml:"format" one_of:"text|json"`
}

func defaultLog() Log { return Log{Level: slog.LevelInfo, Format: "text"} }
