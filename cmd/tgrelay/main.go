// Command tgrelay brings webhooks into Telegram. One file per command; `tgrelay --help` lists them.
//
// Exit status: 0 done, 1 it failed, 2 wrong usage or configuration. Errors go to standard error, saying what to do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // templates name time zones, and a small system may know none

	"github.com/alecthomas/kong"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/doctor"
	"github.com/tgrelay/tgrelay/relay/simulator"
)

// version and revision, the commit, are set at link time; without, the module's build information serves.
var version, revision = "", ""

// commands is the table that kong makes flags and help of.
type commands struct {
	Serve      serveCommand      `cmd:"" help:"Run the daemon."`
	Demo       demoCommand       `cmd:"" help:"Show the whole product at work: daemon and simulated Telegram in one process, nothing left behind."`
	Simulator  simulatorCommand  `cmd:"" help:"Run a simulated Bot API, to develop and test without Telegram."`
	Check      checkCommand      `cmd:"" help:"Check configuration and templates; print every fault."`
	Doctor     doctorCommand     `cmd:"" help:"Look at what surrounds the relay (bot, network, storage, files, certificates) and say how to mend what is not well."`
	Render     renderCommand     `cmd:"" help:"Show in the terminal what a webhook or a template becomes."`
	Send       sendCommand       `cmd:"" help:"Send a text to a recipient through a running daemon."`
	Link       linkCommand       `cmd:"" help:"Make a deep link that connects a chat to a recipient; draw its QR code."`
	Recipients recipientsCommand `cmd:"" help:"List, show, change, connect, forget, import and export recipients."`
	Deliveries deliveriesCommand `cmd:"" help:"List, show, retry and discard deliveries."`
	Token      tokenCommand      `cmd:"" help:"Make, list and check tokens of callers."`
	Health     healthCommand     `cmd:"" help:"Ask a running daemon whether it lives; the exit status says it."`
	Telegram   telegramCommand   `cmd:"" help:"Ask Telegram about the bot; set or delete its webhook."`
	Backup     backupCommand     `cmd:"" help:"Make a checked copy of the storage, beside a running daemon; encrypted if wanted."`
	Restore    restoreCommand    `cmd:"" help:"Put a backup in the place of the storage."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the storage to the newest schema, after a copy of it."`
	Completion completionCommand `cmd:"" help:"Print the completions for a shell."`
	Complete   completeCommand   `cmd:"" hidden:""`
	Reference  referenceCommand  `cmd:"" hidden:""`
	Version    versionCommand    `cmd:"" help:"Print version, commit and Go version."`
	Man        manCommand        `cmd:"" hidden:"" help:"Print the manual pages, as packages have them."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], &streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// usageError is a wrong use of a command: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func run(ctx context.Context, args []string, std *streams) (status int) {
	var c commands
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("tgrelay"),
		kong.Description("A self-hosted relay that brings any webhook into Telegram."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.Vars{"simulator_token": simulator.DefaultToken, "checks": strings.Join(doctor.Checks(), ",")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(std.err, "tgrelay:", err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(chatNumbers(args))
	if exit >= 0 {
		return exit // --help was asked for
	}
	if err != nil {
		fmt.Fprintf(std.err, "tgrelay: %s; `tgrelay --help` shows how\n", err)
		return 2
	}
	return statusOf(k.Run(), std)
}

func statusOf(err error, std *streams) int {
	var faults config.Faults
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &faults):
		for _, f := range faults {
			fmt.Fprintln(std.err, f)
		}
		return 2
	}
	fmt.Fprintln(std.err, "tgrelay:", err)
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}
