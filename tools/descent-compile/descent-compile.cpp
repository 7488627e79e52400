// A rule or a recipe to kernels.
int main() { return 1; }
