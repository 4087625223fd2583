/* Preloaded into a daemon under test: clocks that the test can set.
 *
 * The file that CLOCKS names holds two numbers of 64 bits, in nanoseconds: by how much the clock of the
 * day was set forward, and how long the machine was suspended. While a machine is suspended
 * CLOCK_MONOTONIC stands still, and timers with it; CLOCK_BOOTTIME goes on. The test lets the time of
 * the suspension pass with the daemon stopped, so CLOCK_BOOTTIME is right as it is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none[2];
static const volatile int64_t *clocks = none;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CLOCKS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (map == MAP_FAILED)
		_exit(99);
	clocks = map;
	close(fd);
}

static void shift(struct timespec *time, int64_t by)
{
	int64_t all = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + by;

	time->tv_sec = all / 1000000000;
	time->tv_nsec = all % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = syscall(SYS_clock_gettime, clock, time);

	if (clock == CLOCK_REALTIME)
		shift(time, clocks[0]);
	if (clock == CLOCK_MONOTONIC)
		shift(time, -clocks[1]);
	return result;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	struct itimerspec it = *new;

	if (flags & TFD_TIMER_ABSTIME && (it.it_value.tv_sec || it.it_value.tv_nsec))
		shift(&it.it_value, clocks[1]);
	return syscall(SYS_timerfd_settime, fd, flags, &it, old);
}
