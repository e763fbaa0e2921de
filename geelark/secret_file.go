package geelark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// A token has a few hundred bytes; a path to something else must not be read
	// whole before every request.
	maxSecretFile = 64 << 10
	// So long may a mount be stuck before the file counts as unreadable.
	secretFileTimeout = 5 * time.Second
)

// A read of a stuck mount cannot be ended. Whoever needs the file, another account
// or one after a reload, waits for the read that hangs instead of adding one.
var fileReads singleflight.Group

// readFile reads a small regular file. It returns when ctx is done, and after
// some seconds in any case.
func readFile(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, secretFileTimeout,
		fmt.Errorf("%s was not read within %s: the mount that it is on may be stuck", name, secretFileTimeout))
	defer cancel()
	read := fileReads.DoChan(name, func() (any, error) { return readRegular(name) })
	select {
	case r := <-read:
		b, _ := r.Val.([]byte)
		return b, r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// readRegular opens nothing but a regular file: opening a pipe waits for its
// other end, and opening a device can do anything.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name)
	}
	// It may be another one by now.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSecretFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: it must hold the secret and nothing else", name, maxSecretFile)
	}
	return b, nil
}

func notRegular(name string) error {
	return &os.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
}
