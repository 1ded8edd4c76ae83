for (int to = 0; to < P; to++) {
    const long begin = chunk_begin(n, P, to), end = chunk_begin(n, P, to + 1);
    for (int s = my_first; s < my_end && to != r; s++) {
        group_send(group, (Message){to, mine[s - my_first] + begin, end - begin, 0});
    }
}
for (int from = 0; from < P; from++) {
    const int first = first_shard(S, P, from), end = first_shard(S, P, from + 1);
    for (int s = first; s < end && from != r; s++) {
        group_receive(group, (Message){from, room + s * shard_chunk(n, P), own, 0});
    }
}
