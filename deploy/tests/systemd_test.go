package deploy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"geelark_exporter/deploy/processtest"
)

const (
	units     = root + "/deploy/systemd"
	installed = "/usr/local/bin/geelark_exporter"
	settings  = "/etc/geelark_exporter/"
	loaded    = "/run/credentials/geelark_exporter.service/"
)

// installedUnits returns the paths of the units in a directory of the test, from
// which the exporter starts.
func installedUnits(t *testing.T) (service, socket string) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range glob(t, units+"/geelark_exporter.*") {
		text := bytes.ReplaceAll(read(t, file), []byte(installed), []byte(exporter))
		write(t, filepath.Join(dir, filepath.Base(file)), text)
	}
	return dir + "/geelark_exporter.service", dir + "/geelark_exporter.socket"
}

func TestSystemdHasNothingAgainstTheUnits(t *testing.T) {
	t.Parallel()
	verify := processtest.Installed(t, "systemd-analyze", "systemd")
	service, socket := installedUnits(t)
	if r := must(t, verify, "verify", service, socket); r.stdout+r.stderr != "" {
		t.Error(r)
	}
	t.Run("which it would say", func(t *testing.T) {
		write(t, service, append(read(t, service), "\n[Service]\nProtectEverything=yes\n"...))
		if r := run(t, nil, verify, "verify", service, socket); !strings.Contains(r.stderr, "ProtectEverything") {
			t.Error(r)
		}
	})
}

func TestTheServiceIsConfined(t *testing.T) {
	t.Parallel()
	analyze := processtest.Installed(t, "systemd-analyze", "systemd")
	service, _ := installedUnits(t)
	// 12 of 100 with systemd 252: what it cannot do without, which is the
	// network. A service without any setting has 96.
	must(t, analyze, "security", "--offline=true", "--no-pager", "--threshold=20", service)
}

// variables are those of the example that stand after a line that holds text, up
// to the next empty line or end of the comments, or those that are not commented
// out if text is empty.
func variables(t *testing.T, text string) []string {
	t.Helper()
	var found []string
	in := text == ""
	for line := range strings.SplitSeq(string(read(t, units+"/environment.example")), "\n") {
		if text != "" {
			in = in && line != "" || strings.Contains(line, text)
			line = strings.TrimPrefix(line, "#")
		}
		if in && regexp.MustCompile(`^[A-Z_]+=`).MatchString(line) {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no variable after %q", text)
	}
	return found
}

func TestTheExporterAcceptsTheExampleOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after  string
		token  string
		config string
	}{
		"one account by its token":   {token: "the-token-of-the-test"},
		"one account by its app id":  {after: "the API key of an app id", token: "the-key-of-the-test"},
		"several accounts in a file": {after: "For several accounts", config: "accounts:\n  - name: team-a\n    token_file: " + loaded + "team-a-token\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			moved := strings.NewReplacer(loaded, dir+"/", settings, dir+"/").Replace
			for file, content := range map[string]string{"token": tt.token, "config.yml": tt.config, "team-a-token": "the-token-of-the-test"} {
				if content != "" {
					write(t, filepath.Join(dir, file), []byte(moved(content)))
				}
			}
			// As in the unit; the later wins.
			env := append([]string{"GEELARK_TOKEN_FILE=" + dir + "/token"}, variables(t, "")...)
			if tt.after != "" {
				env = append(env, variables(t, tt.after)...)
			}
			for i := range env {
				env[i] = moved(env[i])
			}
			if r := run(t, env, exporter, "--config.check"); r.code != 0 || !strings.Contains(r.stdout, "valid: 1 account.") {
				t.Errorf("with %q: %s", env, r)
			}
		})
	}
}

// boot starts a systemd that has the units and nothing else, and returns its
// process.
func boot(t *testing.T, address string, environment []string) int {
	t.Helper()
	processtest.Installed(t, "systemctl", "systemd")
	if os.Getuid() != 0 {
		t.Skip("only root can start a second systemd")
	}
	work := t.TempDir()
	for _, file := range glob(t, units+"/geelark_exporter.*") {
		write(t, filepath.Join(work, "units", filepath.Base(file)), read(t, file))
	}
	write(t, work+"/units/geelark_exporter.socket.d/address.conf", []byte("[Socket]\nListenStream=\nListenStream="+address+"\n"))
	for _, target := range []string{"basic", "network-online", "shutdown", "sockets", "sysinit"} {
		write(t, work+"/units/"+target+".target", []byte("[Unit]\nDefaultDependencies=no\n"))
	}
	write(t, work+"/etc/token", []byte("demo-token\n"))
	variables := append(environment, string(read(t, units+"/environment.example")))
	write(t, work+"/etc/environment", []byte(strings.Join(variables, "\n")))

	cmd := exec.Command("bash", "testdata/boot.sh")
	cmd.Env = []string{"WORK=" + work, "EXPORTER=" + exporter, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWCGROUP,
	}
	p, err := processtest.TryStart(t, cmd)
	if err != nil {
		t.Skipf("this machine lets root not start a second systemd: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(work + "/log")
			t.Logf("systemd logged:\n%s", log)
		}
	})
	processtest.Eventually(t, "the file system of systemd", func() bool {
		ended := p.Exited()
		ready := strings.Contains(p.Stdout.String()+p.Stderr.String(), "ready")
		if ended && !ready {
			t.Skipf("this machine lets root not start a second systemd: %s%s", &p.Stdout, &p.Stderr)
		}
		return ready
	})
	return p.Cmd.Process.Pid
}

func TestSystemdRunsTheExporter(t *testing.T) {
	t.Parallel()
	demo, _ := serve(t, nil, "--demo", "--demo.phones=20")
	api := regexp.MustCompile(`base_url=(\S+)`).FindStringSubmatch(demo.Stderr.String())
	if api == nil {
		t.Fatal("no address of the simulated GeeLark")
	}
	address := processtest.FreeAddress(t)
	pid := boot(t, address, []string{"GEELARK_BASE_URL=" + api[1]})
	inside := func(args ...string) string {
		t.Helper()
		args = append([]string{"--target=" + strconv.Itoa(pid), "--mount", "--pid"}, args...)
		return must(t, "nsenter", args...).stdout
	}

	var metrics []byte
	processtest.Eventually(t, "a scrape of the account", func() bool {
		metrics = get(t, "http://"+address+"/metrics")
		return bytes.Contains(metrics, []byte("\ngeelark_up{account=\"default\"} 1\n"))
	})
	// What hiding files of /proc would take away.
	for _, name := range []string{"process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"} {
		if !bytes.Contains(metrics, []byte("\n"+name+" ")) {
			t.Errorf("confined, the exporter does not expose %s", name)
		}
	}

	state := strings.Fields(inside("stat", "--dereference", "--format=%U %a", "/var/lib/geelark_exporter"))
	if len(state) != 2 || state[0] == "root" || state[1] != "700" {
		t.Errorf("the state directory has owner and mode %q", state)
	}

	show := func(property string) string {
		t.Helper()
		return strings.TrimSpace(inside("systemctl", "show", "--value", "--property="+property, "geelark_exporter.service"))
	}
	if env := inside("cat", "/proc/"+show("MainPID")+"/environ"); !strings.Contains(env, "\x00STATE_DIRECTORY=/var/lib/geelark_exporter\x00") {
		t.Errorf("the exporter does not know of its state directory: %q", env)
	}
	status := inside("cat", "/proc/"+show("MainPID")+"/status")
	for _, want := range []string{`NoNewPrivs:\t1$`, `CapBnd:\t0+$`, `Seccomp:\t2$`, `Uid:\t[1-9]`} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(status) {
			t.Errorf("want %s in\n%s", want, status)
		}
	}

	inside("systemctl", "reload", "geelark_exporter.service")
	before := show("MainPID")
	inside("systemctl", "restart", "geelark_exporter.service")
	answers(t, "http://"+address+"/-/ready")
	if before == show("MainPID") {
		t.Error("the restart made no new process")
	}
	inside("systemctl", "stop", "geelark_exporter.service")
	if got := fmt.Sprint(show("Result"), " ", show("ExecMainStatus")); got != "success 0" {
		t.Errorf("after a stop in good order: %s", got)
	}
	// The socket is still there, and a scrape starts the service.
	answers(t, "http://"+address+"/-/ready")
	if state := show("ActiveState"); !slices.Contains([]string{"active", "activating"}, state) {
		t.Errorf("the service is %s after a scrape of its socket", state)
	}
}
