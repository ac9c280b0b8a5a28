/* Many viewers of event streams in one process: opens connections, counts what arrives, checks its order, and keeps a
 * histogram of how late it came (arrival less the event's "timestamp", in milliseconds since 1970).
 *
 *   viewers -p PORT [-u PATH] [-n CONNECTIONS] [-f FIRST_ROOM] [-r ROOMS] [-s SOURCE] [-R PER_SECOND] [-i LAST_ID]
 *           [-k COMMENTS] [-a TOKEN] [-t]
 *
 *   -u  path of the request; %d is the room, FIRST_ROOM to FIRST_ROOM + ROOMS - 1 in turn
 *   -s  address to connect from, such as 127.0.0.2: each address has its own 28,000 ports
 *   -R  connections opened a second, 0: all at once
 *   -i  Last-Event-ID to send
 *   -k  a connection counts as served once this many comments have come over it
 *   -a  token to send
 *   -t  lateness is counted from the time that a comment's text begins with, in microseconds since 1970
 *
 * Comments are `data:` lines with a "commentId":"digits", which must rise on one connection. Lines on standard input:
 *   open     begins to connect; answers {"opening": true}
 *   mark     starts counting anew; answers {"marked": true}
 *   report   answers with what was counted since the mark, and with what came since the opening
 * Ends with standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 1024,
	READ_BYTES = 1 << 18,
	MAX_CARRY_BYTES = 1 << 16,
	REQUEST_BYTES = 4096,
	SUB_BUCKETS = 32, /* to each doubling: 3 % wide */
	BUCKETS = 40 * SUB_BUCKETS,
	MAX_UNANSWERED = 512, /* connections on their way, when opened at a rate */
};

enum state { CONNECTING, ASKED, STREAMING, CLOSED };

struct viewer {
	int fd;
	enum state state;
	uint32_t events;   /* since the mark */
	uint32_t received; /* since the opening */
	uint32_t carried;
	uint64_t last_id;
	char *carry; /* a line that has not come whole */
};

static struct {
	int port, count, first_room, rooms, rate, served_at, timed_texts;
	const char *path, *source, *last_id, *token;
} options = {.path = "/", .count = 1, .rooms = 1, .source = "127.0.0.1"};

static struct viewer *viewers;
static int poller, started, answered, unanswered, refused, closed, served, open_asked, all_opened;
static double opened_at, open_s, last_served_s;
static uint64_t events, pieces, bytes, disorder, histogram[BUCKETS];
static char buffer[MAX_CARRY_BYTES + READ_BYTES];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int bucket_of(uint64_t us)
{
	int shift = 0;

	while (us >> shift >= 2 * SUB_BUCKETS)
		shift++;
	int bucket = shift * SUB_BUCKETS + (int)(us >> shift);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t upper_us_of(int bucket)
{
	int shift = bucket < 2 * SUB_BUCKETS ? 0 : bucket / SUB_BUCKETS - 1;

	return ((uint64_t)(bucket - shift * SUB_BUCKETS) + 1) << shift;
}

static uint64_t digits(const char *p, const char *end)
{
	uint64_t value = 0;

	while (p < end && *p >= '0' && *p <= '9')
		value = value * 10 + (uint64_t)(*p++ - '0');
	return value;
}

static const char *after(const char *p, const char *end, const char *what, size_t length)
{
	const char *found = memmem(p, end - p, what, length);

	return found ? found + length : NULL;
}

#define AFTER(p, end, what) after(p, end, what, sizeof what - 1)

/* Returns whether the line holds a comment. */
static int read_line(struct viewer *viewer, const char *line, const char *end, double at)
{
	if (end - line < 5 || memcmp(line, "data:", 5))
		return 0;
	const char *id = AFTER(line, end, "\"commentId\":\"");
	if (!id)
		return 0;
	uint64_t number = digits(id, end);
	disorder += number <= viewer->last_id;
	viewer->last_id = number;
	const char *stamp = options.timed_texts ? AFTER(id, end, "\"message\":\"") : AFTER(id, end, "\"timestamp\":");
	if (stamp) {
		double late_us = at * 1e6 - (double)digits(stamp, end) * (options.timed_texts ? 1 : 1e3);
		histogram[bucket_of(late_us > 0 ? (uint64_t)late_us : 0)]++;
	}
	events++;
	viewer->events++;
	if (++viewer->received == (uint32_t)options.served_at) {
		served++;
		last_served_s = at - opened_at;
	}
	return 1;
}

static void answer_counted(void)
{
	unanswered--;
	if (++answered == options.count) {
		all_opened = 1;
		open_s = now() - opened_at;
	}
}

static void lost(struct viewer *viewer)
{
	if (viewer->state == STREAMING) {
		closed++;
	} else {
		refused++;
		answer_counted();
	}
	viewer->state = CLOSED;
	close(viewer->fd);
	free(viewer->carry);
	viewer->carry = NULL;
	viewer->carried = 0;
}

static void keep(struct viewer *viewer, const char *from, size_t length)
{
	if (length > MAX_CARRY_BYTES) {
		fprintf(stderr, "viewers: a line without an end\n");
		exit(1);
	}
	if (length) {
		viewer->carry = realloc(viewer->carry, length);
		memcpy(viewer->carry, from, length);
	} else if (viewer->carry) {
		free(viewer->carry);
		viewer->carry = NULL;
	}
	viewer->carried = length;
}

static void read_some(struct viewer *viewer)
{
	if (viewer->carried)
		memcpy(buffer, viewer->carry, viewer->carried);
	ssize_t length = read(viewer->fd, buffer + viewer->carried, READ_BYTES);
	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0) {
		lost(viewer);
		return;
	}
	double at = now();
	bytes += length;
	char *line = buffer, *end = buffer + viewer->carried + length, *stop;
	if (viewer->state == ASKED) {
		if (end - line < 12) {
			keep(viewer, line, end - line);
			return;
		}
		if (memcmp(line + 9, "200", 3)) {
			lost(viewer);
			return;
		}
		viewer->state = STREAMING;
		answer_counted();
	}
	int found = 0;
	while ((stop = memchr(line, '\n', end - line))) {
		found |= read_line(viewer, line, stop, at);
		line = stop + 1;
	}
	pieces += found;
	keep(viewer, line, end - line);
}

static void ask(struct viewer *viewer)
{
	char path[1024], request[REQUEST_BYTES], position[64] = "", token[1024] = "";
	int error = 0, length, room = options.first_room + (int)(viewer - viewers) % options.rooms;
	socklen_t size = sizeof error;

	getsockopt(viewer->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		lost(viewer);
		return;
	}
	const char *place = strstr(options.path, "%d");
	if (place)
		snprintf(path, sizeof path, "%.*s%d%s", (int)(place - options.path), options.path, room, place + 2);
	else
		snprintf(path, sizeof path, "%s", options.path);
	if (options.last_id)
		snprintf(position, sizeof position, "Last-Event-ID: %s\r\n", options.last_id);
	if (options.token)
		snprintf(token, sizeof token, "Authorization: Bearer %s\r\n", options.token);
	length = snprintf(request, sizeof request,
			  "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s%s\r\n", path, position, token);
	if (send(viewer->fd, request, length, MSG_NOSIGNAL) != length) {
		lost(viewer);
		return;
	}
	viewer->state = ASKED;
	struct epoll_event readable = {.events = EPOLLIN, .data.ptr = viewer};
	epoll_ctl(poller, EPOLL_CTL_MOD, viewer->fd, &readable);
}

static void start(struct viewer *viewer)
{
	int one = 1;
	struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
	struct epoll_event writable = {.events = EPOLLOUT, .data.ptr = viewer};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	inet_pton(AF_INET, options.source, &from.sin_addr);
	unanswered++;
	viewer->state = CONNECTING;
	viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (viewer->fd < 0) {
		lost(viewer);
		return;
	}
	setsockopt(viewer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	/* The port is chosen at connect(), when the other end is known: bind() alone would need one to itself. */
	setsockopt(viewer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (bind(viewer->fd, (void *)&from, sizeof from) < 0 ||
	    (connect(viewer->fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
		lost(viewer);
		return;
	}
	epoll_ctl(poller, EPOLL_CTL_ADD, viewer->fd, &writable);
}

static void open_more(void)
{
	double due = options.rate ? (now() - opened_at) * options.rate + 1 : options.count;

	for (int i = 0; i < EVENTS && started < options.count && started < due; i++) {
		if (options.rate && unanswered >= MAX_UNANSWERED)
			break;
		start(&viewers[started++]);
	}
}

static void report(void)
{
	uint32_t least = UINT32_MAX, most = 0, received_least = UINT32_MAX;
	uint64_t received = 0;

	for (int i = 0; i < started; i++) {
		if (viewers[i].events < least)
			least = viewers[i].events;
		if (viewers[i].events > most)
			most = viewers[i].events;
		if (viewers[i].received < received_least)
			received_least = viewers[i].received;
		received += viewers[i].received;
	}
	printf("{\"connections\": %d, \"answered\": %d, \"open_s\": %.3f, \"refused\": %d, \"closed\": %d, \"disorder\": %lu, \"events\": %lu, \"pieces\": %lu, "
	       "\"bytes\": %lu, \"least\": %u, \"most\": %u, \"received\": %lu, \"received_least\": %u, \"served\": %d, \"last_served_s\": %.3f, "
	       "\"cpu_s\": %.3f, \"histogram\": [",
	       answered - refused - closed, answered, open_s, refused, closed, disorder, events, pieces, bytes, least, most, received,
	       received_least, served, last_served_s, cpu_s());
	const char *comma = "";
	for (int i = 0; i < BUCKETS; i++)
		if (histogram[i]) {
			printf("%s[%lu, %lu]", comma, upper_us_of(i), histogram[i]);
			comma = ", ";
		}
	printf("]}\n");
}

static void mark(void)
{
	events = pieces = bytes = disorder = 0;
	memset(histogram, 0, sizeof histogram);
	for (int i = 0; i < started; i++)
		viewers[i].events = 0;
	printf("{\"marked\": true}\n");
}

/* Returns 0 at the end of the input. */
static int obey(void)
{
	static char input[256];
	static size_t held;
	ssize_t length = read(STDIN_FILENO, input + held, sizeof input - held);
	char *stop;

	if (length <= 0)
		return 0;
	held += length;
	while ((stop = memchr(input, '\n', held))) {
		*stop = 0;
		if (!strcmp(input, "open")) {
			open_asked = 1;
			opened_at = now();
			printf("{\"opening\": true}\n");
		} else if (!strcmp(input, "mark")) {
			mark();
		} else if (!strcmp(input, "report")) {
			report();
		}
		held -= stop + 1 - input;
		memmove(input, stop + 1, held);
	}
	return held < sizeof input;
}

static void read_options(int count, char **arguments)
{
	int option;

	while ((option = getopt(count, arguments, "p:u:n:f:r:s:R:i:k:a:t")) != -1)
		switch (option) {
		case 'p': options.port = atoi(optarg); break;
		case 'u': options.path = optarg; break;
		case 'n': options.count = atoi(optarg); break;
		case 'f': options.first_room = atoi(optarg); break;
		case 'r': options.rooms = atoi(optarg); break;
		case 's': options.source = optarg; break;
		case 'R': options.rate = atoi(optarg); break;
		case 'i': options.last_id = optarg; break;
		case 'k': options.served_at = atoi(optarg); break;
		case 'a': options.token = optarg; break;
		case 't': options.timed_texts = 1; break;
		default: exit(2);
		}
}

int main(int count, char **arguments)
{
	struct epoll_event ready[EVENTS], wanted = {.events = EPOLLIN};
	struct rlimit files;

	read_options(count, arguments);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	viewers = calloc(options.count, sizeof *viewers);
	poller = epoll_create1(0);
	epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &wanted);
	for (;;) {
		int opening = open_asked && !all_opened;
		int n = epoll_wait(poller, ready, EVENTS, opening ? 1 : -1);

		for (int i = 0; i < n; i++) {
			struct viewer *viewer = ready[i].data.ptr;

			if (!viewer) {
				if (!obey())
					return 0;
			} else if (viewer->state == CONNECTING) {
				ask(viewer);
			} else if (viewer->state != CLOSED) {
				read_some(viewer);
			}
		}
		if (opening)
			open_more();
	}
}
