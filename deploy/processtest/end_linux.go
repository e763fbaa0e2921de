package processtest

import (
	"os/exec"
	"syscall"
)

// endWithTest lets the kernel kill what would outlive a test that was killed.
func endWithTest(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
