package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
)

// configFlag is shared by the commands that read relay.toml.
type configFlag struct {
	Config string `short:"c" type:"path" placeholder:"FILE" help:"Configuration; else $$TGRELAY_CONFIG, ./relay.toml, /etc/tgrelay/relay.toml."`
}

func (f configFlag) load() (*config.Config, error) {
	c, err := config.Load(config.Find(f.Config))
	if err != nil {
		return nil, misconfigured(err)
	}
	return c, nil
}

// misconfigured makes a configuration that cannot be read a wrong use: exit status 2.
func misconfigured(err error) error { return usageError{err} }

// isFault reports whether an error is of the configuration, found when it was put to use.
func isFault(err error) bool {
	_, one := errors.AsType[config.Fault](err)
	_, several := errors.AsType[config.Faults](err)
	return one || several
}

type serveCommand struct {
	configFlag
}

func (c *serveCommand) Run(ctx context.Context, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	logs, log := newLogging(cfg.Log, std.err)
	d, err := daemon.New(ctx, daemon.Options{Config: cfg, Version: versionText(), Commit: commit(), Log: log, SetLog: logs.set})
	if isFault(err) {
		return misconfigured(err)
	}
	if err != nil {
		return err
	}
	stop := reloadOnHangup(d)
	defer stop()
	return d.Run(ctx)
}

// reloadOnHangup reads the configuration again at each SIGHUP. A file with faults changes nothing.
func reloadOnHangup(d *daemon.Daemon) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangup:
				_, _ = d.Reload() // the log tells
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangup)
		close(done)
	}
}
