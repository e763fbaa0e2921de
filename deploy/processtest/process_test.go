package processtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func shell(script string) *exec.Cmd { return exec.Command("/bin/sh", "-c", script) }

func TestTheAddressesThatAProgramListensOnAreThoseOfItsLog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		log  string
		want []string
	}{
		"in logfmt":                          {`level=info msg="Listening on" component=web address=127.0.0.1:9090`, []string{"127.0.0.1:9090"}},
		"in JSON, the address first":         {`{"address":"127.0.0.1:9824","msg":"Listening on"}`, []string{"127.0.0.1:9824"}},
		"in JSON, the address last":          {`{"msg":"Listening on","address":"127.0.0.1:9824"}`, []string{"127.0.0.1:9824"}},
		"two of them":                        {"msg=\"Listening on\" address=127.0.0.1:1\nmsg=\"Listening on\" address=0.0.0.0:2", []string{"127.0.0.1:1", "0.0.0.0:2"}},
		"not the address of something other": {"msg=\"TLS is disabled.\" address=127.0.0.1:3\nmsg=\"Listening on\" address=127.0.0.1:4", []string{"127.0.0.1:4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Start(t, exec.Command("/bin/sh", "-c", `printf '%s\n' "$1" >&2; read -r wait`, "sh", tt.log))
			if got := p.Addresses(len(tt.want)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAProgramEndsInGoodOrderOrAtOnce(t *testing.T) {
	t.Parallel()
	script := `trap 'echo told >&2; exit 3' TERM; echo ready; while :; do sleep 0.01; done`
	for name, tt := range map[string]struct {
		end  func(*Process)
		code int
		says string
	}{
		"told to":    {func(p *Process) { p.Signal(syscall.SIGTERM) }, 3, "told\n"},
		"not asked":  {(*Process).Kill, -1, ""},
		"and killed": {func(p *Process) { p.Signal(syscall.SIGTERM); p.ExitCode(); p.Kill() }, 3, "told\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Start(t, shell(script))
			Eventually(t, "readiness", func() bool { return p.Stdout.String() == "ready\n" })
			if p.Exited() {
				t.Error("has ended before")
			}
			tt.end(p)
			if got := p.ExitCode(); got != tt.code || p.Stderr.String() != tt.says || !p.Exited() {
				t.Errorf("exit code %d and %q, want %d and %q", got, &p.Stderr, tt.code, tt.says)
			}
		})
	}
}

func TestNoProgramOutlivesItsTest(t *testing.T) {
	t.Parallel()
	// The program holds the other end of a pipe for as long as it lives.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	t.Run("a test", func(t *testing.T) {
		cmd := exec.Command("/bin/sleep", "600")
		cmd.ExtraFiles = []*os.File{write}
		Start(t, cmd)
	})
	write.Close()
	if rest, err := io.ReadAll(read); err != nil || len(rest) > 0 {
		t.Errorf("read %q: %v", rest, err)
	}
}

func TestAMissingToolIsASkipThatNamesIt(t *testing.T) {
	for name, look := range map[string]func(testing.TB) string{
		"NO_SUCH_TOOL":    func(t testing.TB) string { return Tool(t, "NO_SUCH_TOOL") },
		"no-such-program": func(t testing.TB) string { return Installed(t, "no-such-program", "it") },
	} {
		t.Run(name, func(t *testing.T) {
			s := &skipped{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				look(s)
			}()
			<-done
			if !strings.Contains(s.why, name) {
				t.Errorf("skipped because of %q, which does not name %s", s.why, name)
			}
		})
	}
	t.Setenv("SUCH_TOOL", "/bin/true")
	if got := Tool(t, "SUCH_TOOL"); got != "/bin/true" {
		t.Errorf("got %q", got)
	}
}

// A skipped test keeps why it was skipped.
type skipped struct {
	testing.TB
	why string
}

func (s *skipped) Helper() {}

func (s *skipped) Skipf(format string, args ...any) {
	s.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
