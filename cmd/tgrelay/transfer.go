package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

type importCommand struct {
	serverFlags
	File string `arg:"" complete:"files" help:"Lines of JSON: {\"recipient\": …, \"chat_id\": …, \"message_thread_id\": …}; - for standard input."`
}

func (c *importCommand) Run(ctx context.Context, std *streams) error {
	var lines io.Reader = std.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		lines = f
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	done, err := api.ImportRecipients(ctx, lines)
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
}

func (c *exportCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	return api.ExportRecipients(ctx, std.out)
}
