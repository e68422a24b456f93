/* SPDX-License-Identifier: ISC */
/*
 * run.c - the image's command, from its start to the guest's end
 *
 * Process: 1 of the guest.  One loop waits for three things: a child that
 * ended (ours or orphaned), the agent telling of a SHUTDOWN, and the end of
 * the grace time.
 */

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/power.h"
#include "guest/run.h"
#include "guest/setup.h"
#include "guest/signame.h"
#include "guest/spawn.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"

#define EXIT_SETUP	125	/* as docker: it was never started */
#define EXIT_DENIED	126	/* it is there but cannot be executed */
#define EXIT_NOT_FOUND	127
#define AGENT_WAIT_MS	1000	/* between deaths of the agent and restarts */

struct run {
	const struct guest_config	*config;
	pid_t			 pid;		/* the command */
	pid_t			 agent;		/* or -1 */
	int			 stop_fds[2];	/* SHUTDOWN: read, write end */
	int			 sigfd;
	int			 null_fd;
	uint64_t		 kill_at_ms;	/* of the grace time; 0: none */
	uint64_t		 agent_at_ms;	/* restart of the agent, or 0 */
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- the end -------------------------------------------------------------- */

void
run_finish(const struct guest_config *c, const struct run_end *end)
{
	char line[sizeof(end->text) + 64];
	int n;

	(void)kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	/* A terminal whose session leader ended is hung up, for us too. */
	if (c->tty)
		(void)setup_console(NULL);
	setup_undo(c);
	n = snprintf(line, sizeof(line),
	    "\nvmd: exit code=%d signal=%s message=%s\n", end->code,
	    end->signal == 0 ? "-" : signame_print(end->signal), end->text);
	(void)write_full(STDERR_FILENO, line,
	    MIN((size_t)n, sizeof(line) - 1));
	(void)tcdrain(STDERR_FILENO);
	power_off();
}

void
run_failed(const struct guest_config *c, const struct err *why)
{
	struct run_end end = { .code = EXIT_SETUP };

	if (why->code != NULL && strcmp(why->code, "not_found") == 0)
		end.code = EXIT_NOT_FOUND;
	else if (why->code != NULL &&
	    (strcmp(why->code, "permission_denied") == 0 ||
	    strcmp(why->code, "not_executable") == 0))
		end.code = EXIT_DENIED;
	(void)snprintf(end.text, sizeof(end.text), "%s", why->text);
	run_finish(c, &end);
}

/* Did this guest ever run out of memory? */
static bool
was_oom(void)
{
	FILE *f = fopen("/proc/vmstat", "re");
	char name[64];
	unsigned long n;
	bool oom = false;

	while (f != NULL && fscanf(f, "%63s %lu", name, &n) == 2)
		if (strcmp(name, "oom_kill") == 0)
			oom = n != 0;
	if (f != NULL)
		(void)fclose(f);
	return oom;
}

static void
finish_status(const struct guest_config *c, int status)
{
	struct run_end end = { .code = WEXITSTATUS(status) };

	if (WIFSIGNALED(status)) {
		end.signal = WTERMSIG(status);
		end.code = 128 + end.signal;
		(void)snprintf(end.text, sizeof(end.text),
		    "killed by signal %d (%s)%s", end.signal,
		    signame_print(end.signal),
		    end.signal == SIGKILL && was_oom() ?
		    ", out of memory" : "");
	} else if (end.code == 0)
		(void)snprintf(end.text, sizeof(end.text), "success");
	else
		(void)snprintf(end.text, sizeof(end.text), "exit code %d",
		    end.code);
	run_finish(c, &end);
}

/* --- the agent ------------------------------------------------------------ */

/* In a child of process 1: serve for ever. */
__attribute__((noreturn))
static void
agent_main(const struct guest_config *c, int stop_fd)
{
	struct agent a = { .config = c, .shutdown_fd = stop_fd };
	struct err e;
	int fd;

	(void)setsid();
	(void)prctl(PR_SET_NAME, "vmd-agent");
	fd = agent_listen(&e);
	if (fd == -1) {
		log_err(&e, "agent");
		_exit(1);
	}
	agent_announce();
	agent_loop(&a, fd);
}

static void
start_agent(struct run *r)
{
	r->agent_at_ms = 0;
	r->agent = fork();
	if (r->agent == 0) {
		sigset_t none;

		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)close(r->sigfd);
		(void)close(r->stop_fds[0]);
		agent_main(r->config, r->stop_fds[1]);
	}
	if (r->agent == -1)
		log_warn("agent");
}

/* --- the command ---------------------------------------------------------- */

/*
 * The console: a program without a terminal writes to it as to a file, one
 * with a terminal owns it.
 */
static void
prepare_console(const struct guest_config *c, const struct passwd_user *u)
{
	struct termios t;

	if (tcgetattr(STDOUT_FILENO, &t) == 0) {
		if (c->tty)
			t.c_oflag |= OPOST | ONLCR;
		else
			t.c_oflag &= ~(tcflag_t)OPOST;
		(void)tcsetattr(STDOUT_FILENO, TCSANOW, &t);
	}
	/* So that it may open /dev/stdout. */
	if (fchown(STDOUT_FILENO, u->uid, (gid_t)-1) == -1 ||
	    fchmod(STDOUT_FILENO, 0620) == -1)
		log_warn("console");
}

static int
prepare(struct spawn *s, struct passwd_user *u, const struct guest_config *c,
    struct err *e)
{
	if (c->argv.n == 0)
		return err_set(e, EINVAL, "the image has no command");
	if (passwd_lookup(u, c->user, e) == -1)
		return -1;
	prepare_console(c, u);
	*s = (struct spawn){
		.argv = c->argv.v,
		.env = spawn_env(c->env.v, NULL, u->home, c->tty),
		.cwd = c->cwd,
		.user = u,
		.fds = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
		.tty = c->tty,
	};
	if (s->env == NULL)
		return err_sys(e, "environment");
	return 0;
}

static int
start_command(struct run *r, struct err *e)
{
	struct passwd_user user;
	struct spawn s;
	int ret;

	if (prepare(&s, &user, r->config, e) == -1)
		return -1;
	if (!r->config->tty)
		s.fds[0] = r->null_fd;
	ret = spawn(&r->pid, &s, e);
	spawn_env_free(s.env);
	return ret;
}

/* --- the loop ------------------------------------------------------------- */

static void
reap(struct run *r)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(r->sigfd, &info, sizeof(info)) > 0)
		if (info.ssi_signo != SIGCHLD)
			(void)kill(r->pid, (int)info.ssi_signo);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r->pid)
			finish_status(r->config, status);
		if (pid == r->agent) {
			r->agent = -1;
			r->agent_at_ms = now_ms() + AGENT_WAIT_MS;
		}
	}
}

static void
stop(struct run *r)
{
	struct agent_stop s;
	uint64_t at;

	if (read_full(r->stop_fds[0], &s, sizeof(s)) != sizeof(s))
		return;
	(void)kill(r->pid, s.signal);
	at = now_ms() + s.grace_ms;
	if (r->kill_at_ms == 0 || at < r->kill_at_ms)
		r->kill_at_ms = at;
}

static int
time_left(const struct run *r)
{
	uint64_t at = r->kill_at_ms, now = now_ms();

	if (r->agent_at_ms != 0 && (at == 0 || r->agent_at_ms < at))
		at = r->agent_at_ms;
	if (at == 0)
		return -1;
	return at <= now ? 0 : (int)MIN(at - now, 3600000);
}

__attribute__((noreturn))
static void
loop(struct run *r)
{
	struct pollfd p[2] = {
		{ .fd = r->sigfd, .events = POLLIN },
		{ .fd = r->stop_fds[0], .events = POLLIN },
	};

	for (;;) {
		(void)poll(p, COUNT(p), time_left(r));
		reap(r);
		if (p[1].revents != 0)
			stop(r);
		if (r->kill_at_ms != 0 && now_ms() >= r->kill_at_ms) {
			(void)kill(r->pid, SIGKILL);
			r->kill_at_ms = 0;
		}
		if (r->agent_at_ms != 0 && now_ms() >= r->agent_at_ms)
			start_agent(r);
	}
}

static int
run_init_fds(struct run *r, struct err *e)
{
	sigset_t set;

	/* What people send to a container's process 1 is meant for it. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	r->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r->sigfd == -1 || r->null_fd == -1 ||
	    pipe2(r->stop_fds, O_CLOEXEC) == -1)
		return err_sys(e, "process 1");
	return 0;
}

void
run_command(const struct guest_config *c)
{
	struct run r = { .config = c };
	struct err e;

	if (run_init_fds(&r, &e) == -1 || start_command(&r, &e) == -1)
		run_failed(c, &e);
	start_agent(&r);
	loop(&r);
}

/* --- mode init ------------------------------------------------------------ */

/* Out of the way of an init that sorts the processes it finds. */
static void
agent_cgroup(void)
{
	own_fd int fd = -1;

	(void)mkdir("/sys/fs/cgroup/vmd", 0755);
	fd = open("/sys/fs/cgroup/vmd/cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd != -1)
		(void)write_full(fd, "0", 1);
}

void
run_init(const struct guest_config *c)
{
	struct passwd_user user;
	struct spawn s;
	struct err e;
	pid_t pid;

	if (prepare(&s, &user, c, &e) == -1)
		run_failed(c, &e);
	pid = fork();
	if (pid == 0) {
		agent_cgroup();
		agent_main(c, -1);
	}
	if (pid == -1)
		log_warn("agent");
	(void)spawn_exec(&s, &e);
	run_failed(c, &e);
}
