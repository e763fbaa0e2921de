package geelark

import (
	"slices"
	"testing"
)

func TestCodesOfFailedTasksHaveAMeaning(t *testing.T) {
	for code, want := range map[Code]string{
		20100: "no network",
		20108: "no network",
		20110: "the proxy does not work",
		20116: "not logged in",
		20129: "the device is offline",
		20136: "the account is blocked",
		29997: "the balance is too low",
		29998: "the phone was deleted",
		29999: "unknown error",
		30000: "",
		43008: "starts of the day used up",
		43009: "",
		20001: "the task itself",
		20199: "network, proxy, login or device",
		20200: "upload or publishing",
		20301: "registration",
		20400: "a page of the app",
		20500: "a page of the app",
		20600: "a page of the app",
		20700: "a page of the app",
		20800: "a page of the app",
		20900: "a page of the app",
		21000: "a page of the app",
		21099: "a page of the app",
		21100: "",
		29995: "",
		0:     "",
		-1:    "",
	} {
		if got := code.TaskMeaning(); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}

func TestTasksOfOneCauseFailWithSeveralCodes(t *testing.T) {
	want := map[TaskCause][]Code{
		CauseProxy: {20109, 20110, 29996}, CauseNetwork: {20100, 20108}, CauseBalance: {29997}, CauseDeviceOffline: {20129},
		CauseAccountBlocked: {20136}, CauseNotLoggedIn: {20116}, CausePhoneDeleted: {29998},
	}
	for c := range Code(60000) {
		cause := c.TaskCause()
		if !slices.Contains(TaskCauses(), cause) || slices.Contains(want[cause], c) != (cause != CauseOther) {
			t.Errorf("%d has the cause %q", c, cause)
		}
	}
	for cause, codes := range want {
		for _, c := range codes {
			if c.TaskCause() != cause {
				t.Errorf("%d has the cause %q, want %q", c, c.TaskCause(), cause)
			}
		}
	}
}
