"""The mirror: live practice before the camera, with the engine that recordings are analysed by"""
