package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-kit/log/level"
)

const (
	magic      = 0x6b726c67 // "glrk"
	headerSize = 16
	lengthAt   = 8 // where the header has the file's length
	frameSize  = 8

	// maxRecord bounds what is believed of a length on disk.
	maxRecord = 64 << 20

	// A file is said anew when it is this many times as long as it was after the
	// last time, and at least leastRewrite.
	growth       = 4
	leastRewrite = 1 << 20
)

var checksums = crc32.MakeTable(crc32.Castagnoli)

// A Log is a file of records. It is safe for concurrent use.
type Log struct {
	d       *Directory
	path    string
	name    string
	version uint32
	say     func(add func(record []byte))

	mu      sync.Mutex
	file    *os.File
	size    int64 // of what is whole
	rewrite int64 // the size from which the file is said anew
	behind  bool  // something was not written: the next write says everything
	whole   bool  // as it was opened
	frame   []byte
}

// Log opens the log of a name and hands each record that the file has to replay,
// in their order; the slice is only valid until replay returns. An error of
// replay sets the file aside.
//
// The owner's say adds the records that stand for all that it knows now. It is
// called within [Log.Append], in place of appending, when the file has grown or
// when earlier records could not be written: so an owner knows a record before it
// appends it, and may hold its own lock.
func (d *Directory) Log(name string, version uint32, replay func(record []byte) error, say func(add func(record []byte))) *Log {
	l := &Log{d: d, name: name, path: filepath.Join(d.path, name), version: version, say: say}
	size, cut, err := l.read(replay)
	if cut > 0 {
		level.Warn(d.logger).Log("msg", "The end of a state file was cut off, what stands before it is used", "file", name, "bytes", cut)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.behind = true
	case err != nil:
		if err := d.setAside(l.path, err); err != nil {
			d.wrote(name, err)
		}
		l.behind = true
	default:
		l.size, l.rewrite, l.whole = size, max(leastRewrite, size), cut == 0
		if err := l.open(); err != nil {
			d.wrote(name, err)
			l.behind = true
		}
	}
	return l
}

// open opens the file behind its last whole record.
func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Truncate(l.size); err != nil {
		f.Close()
		return err
	}
	l.file = f
	if l.whole {
		return nil
	}
	return l.writeLength(l.size) // it is whole from now on
}

func (l *Log) writeLength(n int64) error {
	_, err := l.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(n)), lengthAt)
	return err
}

// Whole reports whether the file was there when it was opened, and lacked nothing of
// what was written to it.
func (l *Log) Whole() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.whole
}

// read replays the file. It returns the length of what is whole and how many bytes
// stand behind it or are missing.
func (l *Log) read(replay func([]byte) error) (size, cut int64, err error) {
	data, err := os.ReadFile(l.path)
	if err != nil {
		return 0, 0, err
	}
	if len(data) < headerSize {
		return 0, 0, errors.New("it has no header")
	}
	if m := binary.LittleEndian.Uint32(data); m != magic {
		return 0, 0, errors.New("it is not a state file")
	}
	if v := binary.LittleEndian.Uint32(data[4:]); v != l.version {
		return 0, 0, fmt.Errorf("it is of version %d, this program's is %d", v, l.version)
	}
	at := headerSize
	for rest := data[at:]; len(rest) >= frameSize; rest = data[at:] {
		n := int(binary.LittleEndian.Uint32(rest))
		if n > maxRecord {
			return 0, 0, fmt.Errorf("a record at byte %d is damaged", at)
		}
		if len(rest) < frameSize+n {
			break
		}
		payload := rest[frameSize : frameSize+n]
		if binary.LittleEndian.Uint32(rest[4:]) != checksum(payload) {
			if len(rest) == frameSize+n { // the last: a write that was cut
				break
			}
			return 0, 0, fmt.Errorf("a record at byte %d is damaged", at)
		}
		if err := replay(payload); err != nil {
			return 0, 0, fmt.Errorf("a record at byte %d: %w", at, err)
		}
		at += frameSize + n
	}
	end := int64(len(data))
	if written := binary.LittleEndian.Uint64(data[lengthAt:]); written > uint64(end) {
		end = int64(min(written, math.MaxInt64))
	}
	return int64(at), end - int64(at), nil
}

func checksum(payload []byte) uint32 {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(payload)))
	return crc32.Update(crc32.Checksum(length[:], checksums), checksums, payload)
}

func appendFrame(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, checksum(payload))
	return append(b, payload...)
}

// Append writes records, all or none. It reports whether the disk has them: when
// it has not, it has them after the next Append that works.
func (l *Log) Append(records ...[]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.append(records)
	l.d.wrote(l.name, err)
	return err == nil
}

func (l *Log) append(records [][]byte) error {
	if l.behind || l.file == nil || l.size >= l.rewrite && l.size >= leastRewrite {
		return l.sayAnew()
	}
	l.frame = l.frame[:0]
	for _, r := range records {
		l.frame = appendFrame(l.frame, r)
	}
	_, err := l.file.WriteAt(l.frame, l.size)
	if err == nil {
		err = l.writeLength(l.size + int64(len(l.frame)))
	}
	if err != nil {
		// What was written of it is no whole record, or is one that would come
		// twice: the file is said anew.
		l.behind = true
		return err
	}
	l.size += int64(len(l.frame))
	return nil
}

// Rewrite says everything anew, for owners whose records are not worth appending.
// It reports whether the disk has it.
func (l *Log) Rewrite() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.sayAnew()
	l.d.wrote(l.name, err)
	return err == nil
}

func (l *Log) sayAnew() (err error) {
	l.behind = true
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = binary.LittleEndian.AppendUint32(b, l.version)
	b = append(b, make([]byte, headerSize-lengthAt)...)
	l.say(func(record []byte) { b = appendFrame(b, record) })
	binary.LittleEndian.PutUint64(b[lengthAt:], uint64(len(b)))

	f, err := os.CreateTemp(filepath.Dir(l.path), l.name+unfinished+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), l.path); err != nil {
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file, l.size, l.behind = f, int64(len(b)), false
	l.rewrite = max(leastRewrite, growth*l.size)
	return nil
}

// Sync makes what was appended survive the end of the machine.
func (l *Log) Sync() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil || l.behind {
		return
	}
	err := l.file.Sync()
	if err != nil {
		l.behind = true
	}
	l.d.wrote(l.name, err)
}

// Close closes the file.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// Discard removes the file, for owners whose records are worse than none when some
// of them could not be written.
func (l *Log) Discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind = true
	_ = os.Remove(l.path) // a disk that is full can do that, one that is read-only was so before
}
