package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

type importCommand struct {
	serverFlags
	progressFlag
	File string `arg:"" complete:"files" help:"Lines of JSON: {\"recipient\": …, \"chat_id\": …, \"message_thread_id\": …}; - for standard input."`
}

func (c *importCommand) Run(ctx context.Context, std *streams) error {
	lines, size := std.in, int64(-1)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		lines = f
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	bar := c.start(std, "importing", size)
	done, err := api.ImportRecipients(ctx, io.TeeReader(lines, &counter{progress: bar}))
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, done)
	}
	for _, f := range done.Errors {
		fmt.Fprintf(std.err, "line %d: %s\n", f.Line, f.Detail)
	}
	fmt.Fprintf(std.out, "%d imported, %d failed\n", done.Imported, done.Failed)
	if done.Failed > 0 {
		return fmt.Errorf("%d lines were not imported; mend them and import the file again, which does the others no harm", done.Failed)
	}
	return nil
}

type exportCommand struct {
	serverFlags
	progressFlag
}

func (c *exportCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if isTerminal(std.out) {
		return api.ExportRecipients(ctx, std.out) // which moves by itself
	}
	bar := c.start(std, "exporting", -1)
	defer bar.done()
	return api.ExportRecipients(ctx, io.MultiWriter(std.out, &counter{progress: bar}))
}
